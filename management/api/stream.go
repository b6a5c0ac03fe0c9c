package api

import (
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"credence/management/client"
)

// streamTimeout is how long an answer that is streamed may take in all, and
// streamStall how long its reader may take for a part of it.
const (
	streamTimeout = time.Hour
	streamStall   = 30 * time.Second
)

// writes answers what writes the answer; the error is one from before its
// first byte.
type writes func(ctx context.Context, w io.Writer) error

// stream ties a row whose answer is lines of JSON of any number.
func stream[I any](op Operation, f func(context.Context, call, *I) (writes, error)) Operation {
	return streamed(op, "lines of JSON", []string{jsonLines}, func(ctx context.Context, c call, in *I) (file, error) {
		write, err := f(ctx, c, in)
		return file{contentType: jsonLines, write: write}, err
	})
}

// file is an answer to be saved.
type file struct {
	contentType string
	name        string // "" for none
	policy      string // what a browser may do with it; "" for nothing
	write       writes
}

// download ties a row whose answer is a file of a type that the request says.
func download[I any](op Operation, contentTypes []string, f func(context.Context, call, *I) (file, error)) Operation {
	return streamed(op, "a file, to be saved", contentTypes, f)
}

func streamed[I any](op Operation, description string, contentTypes []string, f func(context.Context, call, *I) (file, error)) Operation {
	op.Input, op.Output, op.Status = reflect.TypeFor[I](), reflect.TypeFor[client.Stream](), http.StatusOK
	op.register = func(s *server, op Operation) {
		d := s.describe(op)
		huma.Register(s.huma, d, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
			answer, err := f(ctx, callOf(ctx), in)
			if err != nil {
				return nil, s.refuse(ctx, err)
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) { s.send(hc, answer) }}, nil //nolint:contextcheck // hc carries the context
		})
		d.Responses["200"] = &huma.Response{Description: "OK: " + description, Content: texts(contentTypes)}
	}
	return op
}

// texts are answers of those types; what is JSON says by itself what it is.
func texts(contentTypes []string) map[string]*huma.MediaType {
	content := map[string]*huma.MediaType{}
	for _, contentType := range contentTypes {
		kind, _, _ := strings.Cut(contentType, ";") // an answer's parameters are not part of the document
		content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		if kind == "application/json" {
			content[kind].Schema = &huma.Schema{Type: huma.TypeObject}
		}
	}
	return content
}

const jsonLines = "application/jsonl"

// send writes the answer. Its status is out before all of it is there, so a
// failure in the middle breaks the connection off: what came is no whole answer.
func (s *server) send(hc huma.Context, answer file) {
	r, w := humago.Unwrap(hc)
	h := w.Header()
	h.Set("Content-Type", answer.contentType)
	if answer.name != "" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": answer.name}))
	}
	if answer.policy != "" {
		h.Set("Content-Security-Policy", answer.policy+"; frame-ancestors 'none'; sandbox")
	}
	control := http.NewResponseController(w)
	err := answer.write(hc.Context(), patientWriter{w, control, s.now})
	if err == nil {
		return
	}
	s.logger.LogAttrs(r.Context(), slog.LevelWarn, "management answer broken off", slog.String("error", err.Error()),
		slog.String("request_id", requestID(r.Context())))
	panic(http.ErrAbortHandler)
}

// patientWriter gives the reader time for each part, instead of for all.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
}

// Write writes a part.
func (p patientWriter) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(p.now().Add(streamStall)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
