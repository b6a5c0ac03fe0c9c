package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

//go:generate go run ./generate -out ../../docs

const head = `# Events

What [webhooks](webhooks.md) are told. This page and [events.schema.json](events.schema.json) are made from
` + "`management/event/catalogue.go`" + `; do not edit them by hand.

Every body has the same envelope:

`

// Page is docs/events.md.
func Page() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(head)
	writeFields(&b, reflect.TypeFor[Envelope](), "")
	b.WriteString("\nA field may be added without a new version: let fields pass that you do not know. A field that goes, or changes its\n" +
		"meaning, raises the version of its type. No event holds key text, a hash or another secret.\n")
	for _, d := range Catalogue() {
		fmt.Fprintf(&b, "\n## %s\n\nVersion %d. %s\n\n", d.Type, d.Version, d.When)
		writeFields(&b, reflect.TypeOf(d.Example), "")
		example, err := d.exampleBody()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n```json\n%s\n```\n", example)
	}
	return b.Bytes(), nil
}

// Schemas is docs/events.schema.json: the schemas of all types, by their name.
func Schemas() ([]byte, error) {
	types := map[string]any{}
	for _, d := range Catalogue() {
		types[string(d.Type)] = d.Schema()
	}
	raw, err := json.MarshalIndent(map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": types}, "", "  ")
	return append(raw, '\n'), err
}

// exampleBody is the body of a delivery with the example.
func (d Definition) exampleBody() ([]byte, error) {
	data, err := json.Marshal(d.Example)
	if err != nil {
		return nil, fmt.Errorf("example of %s: %w", d.Type, err)
	}
	return json.MarshalIndent(Envelope{
		ID: "evt_06f5x9d1p7k3r5t8v0b2n4m6qh", Type: d.Type, Version: d.Version, Timestamp: exampleTime,
		Namespace: "payments", Sequence: 42, Data: data,
	}, "", "  ")
}

// writeFields writes a row for each field, those of objects inside after them.
func writeFields(b *bytes.Buffer, t reflect.Type, prefix string) {
	if prefix == "" {
		b.WriteString("| field | type | |\n|---|---|---|\n")
	}
	for f := range fields(t) {
		name, optional := nameOf(f)
		kind := typeName(f.Type)
		if optional {
			kind += ", optional"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", prefix+name, kind, f.Tag.Get("doc"))
		if f.Type.Kind() == reflect.Struct && kind == "object" {
			writeFields(b, f.Type, prefix+name+".")
		}
	}
}

func typeName(t reflect.Type) string {
	s := schemaOf(t)
	if s["format"] == "date-time" {
		return "time (RFC 3339)"
	}
	if items, ok := s["items"].(map[string]any); ok {
		return fmt.Sprintf("list of %v", items["type"])
	}
	return fmt.Sprint(s["type"])
}
