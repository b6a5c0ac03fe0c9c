package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"credence/management"
	"credence/management/client"
	"credence/store/credential"
)

const (
	// maxBody bounds a request's body in bytes.
	maxBody = 1 << 20
	// maxValues bounds the values in it: each costs far more memory and time
	// than its bytes, in the decoder, the schema and the list of problems. The
	// largest body that makes sense holds a few hundred.
	maxValues = 10_000
	// maxName bounds how much of an unknown field's name is repeated.
	maxName = 64
)

// readBody reads the body and leaves it in r for huma to read again. schema
// is nil for operations that take none.
func readBody(w http.ResponseWriter, r *http.Request, registry huma.Registry, schema *huma.Schema, required bool) ([]byte, error) {
	if schema == nil {
		return nil, nil
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, newProblem(http.StatusRequestEntityTooLarge, codePayloadTooLarge,
			"the body is larger than "+strconv.Itoa(maxBody)+" bytes; send less in one request")
	}
	if err != nil {
		return nil, malformed("body", "did not arrive whole", "send it again")
	}
	if values(raw) > maxValues {
		return nil, newProblem(http.StatusRequestEntityTooLarge, codePayloadTooLarge,
			"the body holds more than "+strconv.Itoa(maxValues)+" values; send less in one request")
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if len(raw) == 0 && !required {
		return raw, nil
	}
	if err := mediaType(r); err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json") // huma compares it letter by letter
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil, malformed("body", jsonProblem(raw, err), "send one JSON object")
	}
	var unknown []client.FieldError
	exactNames(registry, schema, "", value, &unknown)
	if len(unknown) > 0 {
		slices.SortFunc(unknown, byField)
		return nil, newProblem(http.StatusUnprocessableEntity, string(management.CodeInvalidInput), "the body holds unknown fields", unknown...)
	}
	var unstorable []client.FieldError
	if unstorableTexts("", value, &unstorable); len(unstorable) > 0 {
		slices.SortFunc(unstorable, byField)
		return nil, newProblem(http.StatusUnprocessableEntity, string(management.CodeInvalidInput), "the body holds text that cannot be stored", unstorable...)
	}
	var secret []client.FieldError
	if secretTexts(registry, schema, "", value, &secret); len(secret) > 0 {
		slices.SortFunc(secret, byField)
		return nil, newProblem(http.StatusUnprocessableEntity, string(management.CodeInvalidInput), "the body holds a secret where it would be kept in clear", secret...)
	}
	return raw, nil
}

func byField(a, b client.FieldError) int { return strings.Compare(a.Field, b.Field) }

// values counts the values in JSON, or a few more: each but the first stands
// behind a comma or an opening bracket. Nothing is allocated for it.
func values(raw []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++ // what follows is part of the text
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// mediaType accepts JSON, and the merge patch type on PATCH.
func mediaType(r *http.Request) error {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err == nil && (charset == "" || charset == "utf-8") &&
		(kind == "application/json" || kind == "application/merge-patch+json" && r.Method == http.MethodPatch) {
		return nil
	}
	return newProblem(http.StatusUnsupportedMediaType, codeUnsupportedMediaType,
		"the body must be JSON: send Content-Type: application/json").with("Accept", "application/json")
}

// jsonProblem says where the JSON ends to be JSON, and nothing of its content.
func jsonProblem(raw []byte, err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && len(raw) > 0 {
		return "is not JSON: line " + strconv.Itoa(1+bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))) +
			", byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	return "is not JSON"
}

// exactNames finds fields that the schema does not know. huma and
// encoding/json match names without regard to case, so that "Name" beside
// "name" would pass one and win in the other.
func exactNames(registry huma.Registry, s *huma.Schema, path string, value any, unknown *[]client.FieldError) {
	if s = resolved(registry, s); s == nil {
		return
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			exactNames(registry, s.Items, path+"["+strconv.Itoa(i)+"]", item, unknown)
		}
	case map[string]any:
		if s.Properties == nil {
			return
		}
		for name, member := range v {
			at := strings.TrimPrefix(path+"."+short(name), ".")
			if known, ok := s.Properties[name]; ok {
				exactNames(registry, known, at, member, unknown)
				continue
			}
			*unknown = append(*unknown, client.FieldError{
				Field: at, Problem: "is not a field here", Remedy: "leave it out; known are " + strings.Join(names(s), ", "),
			})
		}
	}
}

// resolved is the schema that s refers to, or s; nil stands for anything.
func resolved(registry huma.Registry, s *huma.Schema) *huma.Schema {
	for s != nil && s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	return s
}

// short is a name as errors repeat it.
func short(name string) string {
	if name == "" {
		return `""` // an error that names nothing says nothing
	}
	if name = credential.Redact(name); len(name) > maxName {
		return strings.ToValidUTF8(name[:maxName], "") + "..."
	}
	return name
}

func names(s *huma.Schema) []string {
	known := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		known = append(known, name)
	}
	slices.Sort(known)
	return known
}
