package event

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Schema answers the JSON schema (2020-12) of a type's whole body.
func (d Definition) Schema() map[string]any {
	s := schemaOf(reflect.TypeFor[Envelope]())
	properties, _ := s["properties"].(map[string]any)
	described := func(name string, is map[string]any) {
		if old, ok := properties[name].(map[string]any); ok {
			is["description"] = old["description"]
		}
		properties[name] = is
	}
	described("type", map[string]any{"const": string(d.Type)})
	described("version", map[string]any{"const": d.Version})
	described("data", schemaOf(reflect.TypeOf(d.Example)))
	s["title"] = string(d.Type)
	s["description"] = d.When
	return s
}

// schemaOf describes the few Go types that events are made of. Other fields
// may come with time, so receivers must let them pass.
func schemaOf(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() { //nolint:exhaustive // what events are made of; a test finds a field of another kind
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return map[string]any{"type": "object"}
		}
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		return objectOf(t)
	}
	return nil
}

func objectOf(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []string{}
	for f := range fields(t) {
		s := schemaOf(f.Type)
		s["description"] = f.Tag.Get("doc")
		name, optional := nameOf(f)
		properties[name] = s
		if !optional {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for field := range t.Fields() {
			if !yield(field) {
				return
			}
		}
	}
}

// nameOf is the JSON name of a field, and whether it may be absent.
func nameOf(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, strings.Contains(options, "omit")
}
