package event_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"credence/management/event"
)

// TestThePageAndTheSchemasAreThoseOfTheCatalogue: go generate has been run.
func TestThePageAndTheSchemasAreThoseOfTheCatalogue(t *testing.T) {
	for name, written := range map[string]func() ([]byte, error){"events.md": event.Page, "events.schema.json": event.Schemas} {
		want, err := written()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("docs/%s is not what the catalogue says; run go generate ./management/event", name)
		}
	}
}

// TestTheCatalogueIsWhole: each type has its version, says when, and has an
// example that its schema describes in full.
func TestTheCatalogueIsWhole(t *testing.T) {
	seen := map[event.Type]bool{}
	form := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*\.[a-z]+(_[a-z]+)*$`)
	for _, d := range event.Catalogue() {
		if seen[d.Type] || !form.MatchString(string(d.Type)) || d.Version < 1 || !strings.HasSuffix(d.When, ".") || event.VersionOf(d.Type) != d.Version {
			t.Errorf("%+v", d)
		}
		seen[d.Type] = true
		raw, err := json.Marshal(d.Example)
		if err != nil {
			t.Fatal(err)
		}
		var data map[string]any
		if err := json.Unmarshal(raw, &data); err != nil {
			t.Fatal(err)
		}
		properties, _ := d.Schema()["properties"].(map[string]any)
		described(t, string(d.Type), data, properties["data"])
	}
	if event.VersionOf("key.lost") != 0 {
		t.Error("a type that is not in the catalogue has a version")
	}
}

// described compares a value with its schema.
func described(t *testing.T, at string, value, schema any) {
	t.Helper()
	s, ok := schema.(map[string]any)
	if !ok || s == nil {
		t.Errorf("%s: no schema", at)
		return
	}
	switch v := value.(type) {
	case map[string]any:
		properties, isObject := s["properties"].(map[string]any)
		if !isObject { // a map
			for name, inner := range v {
				described(t, at+"."+name, inner, s["additionalProperties"])
			}
			return
		}
		required, _ := s["required"].([]string)
		for _, name := range required {
			if _, ok := v[name]; !ok {
				t.Errorf("%s: the example lacks %s", at, name)
			}
		}
		for name, p := range properties {
			if text, _ := p.(map[string]any)["description"].(string); text == "" {
				t.Errorf("%s.%s: nothing says what it is", at, name)
			}
		}
		for name, inner := range v {
			described(t, at+"."+name, inner, properties[name])
		}
	case []any:
		for _, item := range v {
			described(t, at, item, s["items"])
		}
	default:
		want := map[reflect.Kind][]any{reflect.String: {"string"}, reflect.Float64: {"integer", "number"}, reflect.Bool: {"boolean"}}[reflect.TypeOf(v).Kind()]
		if !slices.Contains(want, s["type"]) {
			t.Errorf("%s: %v is described as %v", at, v, s["type"])
		}
	}
}

func TestFilters(t *testing.T) {
	for filter, want := range map[string]bool{
		"*": true, "key.*": true, "key.revoked": true, "plan.changed": true,
		"": false, "key": false, "key.": false, "key.lost": false, "ke*": false, "*.revoked": false, ".*": false, "key.*.*": false, "**": false,
	} {
		if got := event.ValidFilter(filter); got != want {
			t.Errorf("%q is valid: %v", filter, got)
		}
	}
	for _, c := range []struct {
		filters []string
		kind    event.Type
		want    bool
	}{
		{[]string{"plan.changed", "key.*"}, event.KeyRevoked, true},
		{[]string{"key.*"}, event.PlanChanged, false},
		{[]string{"*"}, event.PlanChanged, true},
		{nil, event.KeyRevoked, false},
		{[]string{"key.revoked"}, event.KeyCreated, false},
	} {
		if got := event.Match(c.filters, c.kind); got != c.want {
			t.Errorf("%v match %s: %v", c.filters, c.kind, got)
		}
	}
}
