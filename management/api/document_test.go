package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"credence/management/api"
)

// described is an operation as OpenAPI has it.
type described struct {
	OperationID string `json:"operationId"`
	Summary     string `json:"summary"`
	Parameters  []struct {
		Name     string         `json:"name"`
		In       string         `json:"in"`
		Required bool           `json:"required"`
		Schema   map[string]any `json:"schema"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]any `json:"content"`
	} `json:"requestBody"`
	Responses map[string]response   `json:"responses"`
	Security  []map[string][]string `json:"security"`
}

type response struct {
	Ref         string         `json:"$ref"`
	Description string         `json:"description"`
	Content     map[string]any `json:"content"`
}

type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"info"`
	Paths      map[string]map[string]described `json:"paths"`
	Components struct {
		SecuritySchemes map[string]any      `json:"securitySchemes"`
		Responses       map[string]response `json:"responses"`
	} `json:"components"`
}

// published is /openapi.json, as it is and as a tree.
func published(t *testing.T) (d document, tree map[string]any) {
	t.Helper()
	a := deploy(t).send(t, http.MethodGet, "/openapi.json", "", "Authorization", "")
	must(t, json.Unmarshal([]byte(a.body), &d))
	must(t, json.Unmarshal([]byte(a.body), &tree))
	for _, methods := range d.Paths {
		for _, op := range methods {
			for status, r := range op.Responses {
				if name, shared := strings.CutPrefix(r.Ref, "#/components/responses/"); shared {
					op.Responses[status] = d.Components.Responses[name]
				}
			}
		}
	}
	return d, tree
}

// TestTheDocumentHasTheFormOfOpenAPI31: what the specification demands and a
// generator of clients stumbles over.
func TestTheDocumentHasTheFormOfOpenAPI31(t *testing.T) {
	d, tree := published(t)
	if !strings.HasPrefix(d.OpenAPI, "3.1.") || d.Info.Title == "" || d.Info.Version == "" {
		t.Errorf("document begins %q %+v", d.OpenAPI, d.Info)
	}
	for _, pointer := range references(tree) {
		if !resolves(tree, pointer) {
			t.Errorf("%s leads nowhere", pointer)
		}
	}
	seen := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			what := method + " " + path
			if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" {
				t.Errorf("%s: operation id %q is empty or taken, or there is no summary", what, op.OperationID)
			}
			seen[op.OperationID] = true
			var inPath []string
			for _, p := range op.Parameters {
				if len(p.Schema) == 0 {
					t.Errorf("%s: parameter %s has no schema", what, p.Name)
				}
				if p.In == "path" {
					inPath = append(inPath, "{"+p.Name+"}")
					if !p.Required {
						t.Errorf("%s: %s is in the path and not required", what, p.Name)
					}
				}
			}
			if holes := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1); !slices.Equal(inPath, holes) {
				t.Errorf("%s: parameters %v", what, inPath)
			}
			for status, r := range op.Responses {
				if r.Description == "" {
					t.Errorf("%s: no description of %s", what, status)
				}
			}
			for _, needs := range op.Security {
				for scheme := range needs {
					if d.Components.SecuritySchemes[scheme] == nil {
						t.Errorf("%s: security scheme %s is not described", what, scheme)
					}
				}
			}
		}
	}
}

// TestTheDocumentSaysWhatTheTableSays: no more and no fewer operations, who
// needs a token, which media types go in, and where If-Match must stand.
func TestTheDocumentSaysWhatTheTableSays(t *testing.T) {
	d, _ := published(t)
	operations := 0
	for _, methods := range d.Paths {
		operations += len(methods)
	}
	if operations != len(api.Operations()) {
		t.Errorf("%d operations, the table has %d", operations, len(api.Operations()))
	}
	for _, op := range api.Operations() {
		got := d.Paths[op.Path][strings.ToLower(op.Method)]
		if (len(got.Security) > 0) != (op.Role != "") {
			t.Errorf("%s: security %v for role %q", op.ID, got.Security, op.Role)
		}
		var types []string
		if _, takesBody := op.Input.FieldByName("Body"); takesBody {
			types = append(types, "application/json")
			if op.Method == http.MethodPatch {
				types = append(types, "application/merge-patch+json")
			}
		}
		if media := slices.Sorted(maps.Keys(got.RequestBody.Content)); !slices.Equal(media, types) {
			t.Errorf("%s takes %v, want %v", op.ID, media, types)
		}
		required, creates := false, false
		for _, p := range got.Parameters {
			required = required || p.Name == "If-Match" && p.Required
			creates = creates || p.Name == "Idempotency-Key"
		}
		if required != op.NeedsIfMatch || creates != op.Creates {
			t.Errorf("%s: If-Match required %v, Idempotency-Key %v", op.ID, required, creates)
		}
		for status, r := range got.Responses {
			if problem := r.Content["application/problem+json"] != nil; problem != (status >= "400") {
				t.Errorf("%s: %s is a problem document: %v", op.ID, status, problem)
			}
		}
	}
}

// references lists every $ref of the tree.
func references(tree any) (pointers []string) {
	switch node := tree.(type) {
	case map[string]any:
		if pointer, ok := node["$ref"].(string); ok {
			pointers = append(pointers, pointer)
		}
		for _, below := range node {
			pointers = append(pointers, references(below)...)
		}
	case []any:
		for _, below := range node {
			pointers = append(pointers, references(below)...)
		}
	}
	return pointers
}

func resolves(tree map[string]any, pointer string) bool {
	path, local := strings.CutPrefix(pointer, "#/")
	if !local {
		return false
	}
	var node any = tree
	for name := range strings.SplitSeq(path, "/") {
		object, ok := node.(map[string]any)
		if !ok {
			return false
		}
		node = object[name]
	}
	return node != nil
}
