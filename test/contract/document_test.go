package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"credence/test/harness"
)

// schema is a JSON schema as it stands in the document.
type schema map[string]any

// document is docs/openapi.json.
type document struct {
	operations []*operation // by id
	schemas    map[string]schema
	codes      map[string]bool // "409 conflict", as docs/api.md explains them
}

// operation is one of the document, in the words of the tests.
type operation struct {
	id, method, path string
	role             string // least role; "" needs no token
	parameters       []parameter
	bodies           []string // media types
	body             schema   // nil for none
	needsBody        bool
	answers          map[string]map[string]*jsonschema.Schema // by status and media type; nil for no schema
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

// media is what a request or an answer may be, by media type.
type media map[string]struct {
	Schema schema `json:"schema"`
}

type described struct {
	OperationID string      `json:"operationId"`
	Description string      `json:"description"`
	Parameters  []parameter `json:"parameters"`
	RequestBody *struct {
		Required bool  `json:"required"`
		Content  media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]answered   `json:"responses"`
	Security  []map[string][]string `json:"security"`
}

type answered struct {
	Ref     string `json:"$ref"`
	Content media  `json:"content"`
}

// readDocument reads the committed document and the codes of docs/api.md.
func readDocument(tb testing.TB) *document {
	tb.Helper()
	root, err := harness.Root()
	must(tb, err)
	raw, err := os.ReadFile(filepath.Join(root, "docs", "openapi.json"))
	must(tb, err)
	var tree struct {
		Paths      map[string]map[string]described `json:"paths"`
		Components struct {
			Schemas   map[string]schema   `json:"schemas"`
			Responses map[string]answered `json:"responses"`
		} `json:"components"`
	}
	must(tb, json.Unmarshal(raw, &tree))
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	must(tb, err)
	must(tb, compiler.AddResource("openapi.json", whole))
	d := &document{schemas: tree.Components.Schemas, codes: explained(tb, root)}
	for path, methods := range tree.Paths {
		for method, is := range methods {
			op := &operation{id: is.OperationID, method: strings.ToUpper(method), path: path, parameters: is.Parameters}
			if len(is.Security) > 0 {
				op.role = strings.TrimSuffix(strings.TrimPrefix(is.Description, "Role needed: "), ".")
			}
			if is.RequestBody != nil {
				op.bodies, op.needsBody = slices.Sorted(maps.Keys(is.RequestBody.Content)), is.RequestBody.Required
				op.body = is.RequestBody.Content[op.bodies[0]].Schema
			}
			op.answers = map[string]map[string]*jsonschema.Schema{}
			for status, a := range is.Responses {
				at := []string{"paths", path, method, "responses", status}
				if name, shared := strings.CutPrefix(a.Ref, "#/components/responses/"); shared {
					a, at = tree.Components.Responses[name], []string{"components", "responses", name}
				}
				op.answers[status] = map[string]*jsonschema.Schema{}
				for kind := range a.Content {
					op.answers[status][kind] = compiler.MustCompile(pointer(append(at, "content", kind, "schema")))
				}
			}
			d.operations = append(d.operations, op)
		}
	}
	slices.SortFunc(d.operations, func(a, b *operation) int { return strings.Compare(a.id, b.id) })
	return d
}

// pointer is where in the document a schema is.
func pointer(path []string) string {
	var b strings.Builder
	b.WriteString("openapi.json#")
	for _, name := range path {
		b.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	return b.String()
}

// explained are the codes of the table in docs/api.md, each with its status.
func explained(tb testing.TB, root string) map[string]bool {
	tb.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	must(tb, err)
	codes := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 4 && strings.HasPrefix(cells[1], " `") {
			codes[fmt.Sprintf("%s %s", strings.TrimSpace(cells[2]), strings.Trim(cells[1], " `"))] = true
		}
	}
	if len(codes) < 20 {
		tb.Fatalf("found only %d codes in docs/api.md", len(codes))
	}
	return codes
}

// resolved follows a reference.
func (d *document) resolved(s schema) schema {
	if ref, ok := s["$ref"].(string); ok {
		return d.schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
	}
	return s
}

// routed is the operation that a request is for: a literal in the path goes
// before a parameter. Nil for none.
func (d *document) routed(method, escapedPath string) *operation {
	given := strings.Split(escapedPath, "/")
	var best *operation
	literals := -1
	for _, op := range d.operations {
		if op.method != method && (op.method != "GET" || method != "HEAD") {
			continue
		}
		if n := matches(strings.Split(op.path, "/"), given); n > literals {
			best, literals = op, n
		}
	}
	return best
}

// matches counts the literals that a path has in common with that of an
// operation; -1 when it is not of that form.
func matches(pattern, given []string) int {
	if len(pattern) != len(given) {
		return -1
	}
	literals := 0
	for i, want := range pattern {
		got, err := url.PathUnescape(given[i])
		switch {
		case err != nil || got == "" && want != "":
			return -1
		case strings.HasPrefix(want, "{"):
		case got == want:
			literals++
		default:
			return -1
		}
	}
	return literals
}
