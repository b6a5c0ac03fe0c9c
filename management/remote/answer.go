package remote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Form is what an answer is made of, judged by its content type. A program of
// another kind, one that starts, and a proxy answer in other forms than the
// program itself; so the form is looked at before anything is read out of it.
type Form string

// The forms.
const (
	JSON  Form = "json"
	HTML  Form = "html"
	Text  Form = "text"
	Empty Form = "empty" // no body, whatever its type
	Other Form = "other"
)

// Answer is what a program answered, whatever its status.
type Answer struct {
	Status int
	Header http.Header
	Form   Form
	Body   []byte

	target *Target
}

const (
	maxBody      = 1 << 20  // bytes of an answer
	maxErrorBody = 64 << 10 // of which so many are looked at when it is no success
)

// readAnswer reads a response, bounded.
func readAnswer(res *http.Response, t *Target) (Answer, error) {
	a := Answer{Status: res.StatusCode, Header: res.Header, Form: formOf(res.Header.Get("Content-Type")), target: t}
	from := io.Reader(res.Body)
	if !a.OK() {
		from = io.LimitReader(from, maxErrorBody) // the rest is no matter: its beginning says what it is
	}
	var err error
	if a.Body, err = io.ReadAll(from); err != nil {
		return Answer{}, err
	}
	if len(bytes.TrimSpace(a.Body)) == 0 {
		a.Form = Empty
	}
	return a, nil
}

func formOf(contentType string) Form {
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return Other
	case media == "application/json" || strings.HasSuffix(media, "+json"):
		return JSON
	case media == "text/html":
		return HTML
	case media == "text/plain":
		return Text
	}
	return Other
}

// OK reports whether the status is a success.
func (a *Answer) OK() bool { return a.Status/100 == 2 }

// Decode reads the body of a success into v. An answer that is not JSON, or
// not this JSON, is [UnexpectedAnswer].
func (a *Answer) Decode(v any) error {
	if a.Form != JSON {
		return a.target.Fail(UnexpectedAnswer, a.Status, fmt.Sprintf("answered %d with %s where JSON was expected", a.Status, a.described()))
	}
	d := json.NewDecoder(bytes.NewReader(a.Body))
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one value")
		}
	}
	if err != nil {
		// What the decoder says may hold values of the body.
		return a.target.Fail(UnexpectedAnswer, a.Status, fmt.Sprintf("answered %d with JSON of another shape than expected", a.Status))
	}
	return nil
}

// Field reads one text out of a JSON object, for the words of an error; "" when
// there is none.
func (a *Answer) Field(name string) string {
	var object map[string]json.RawMessage
	var text string
	if a.Form != JSON || json.Unmarshal(a.Body, &object) != nil || json.Unmarshal(object[name], &text) != nil {
		return ""
	}
	return text
}

// Words are the beginning of a body that is plain text, and a description of
// any other.
func (a *Answer) Words() string {
	if a.Form == Text {
		return a.target.clean(string(a.Body)) // before it is cut: half a secret is one, too
	}
	return "an answer with " + a.described()
}

func (a *Answer) described() string {
	switch a.Form {
	case JSON:
		return "JSON"
	case HTML:
		return "an HTML page"
	case Text:
		return "plain text"
	case Empty:
		return "no body"
	case Other:
	}
	if media := a.Header.Get("Content-Type"); media != "" {
		return "a body of type " + excerpt(media)
	}
	return "a body of no type"
}
