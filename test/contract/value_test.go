package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// A drawn value is JSON: nil, bool, string, [json.Number], []any, object, or
// raw for what no encoder would write; and ref in the place of what has to be
// looked up in the memory when the request is sent. What is drawn thus depends
// on nothing but the draws.
type (
	object []member
	member struct {
		name  string
		value any
	}
	raw string
	// ref stands for a remembered value of a field, of a place before it
	// ("/v1/plans name") or of where the operation is.
	ref struct {
		field   string
		at      int
		foreign bool // of any field of any place
		newest  bool // of the place, and the last one
	}
	// given stands for what this run has been given, such as a server's address.
	given string
	// secretRef stands for a text that was shown once.
	secretRef int
)

// drawer draws for one request. Oddity is how many of a hundred values are not
// what the schema wants.
type drawer struct {
	t      *rapid.T
	doc    *document
	op     *operation
	oddity int
	newest bool // names what was made last
	rich   int  // how many of a hundred optional fields are given
}

func (d *drawer) percent(n int) bool { return rapid.IntRange(0, 99).Draw(d.t, "percent") >= 100-n }

func (d *drawer) number(low, high int) int { return rapid.IntRange(low, high).Draw(d.t, "number") }

func pick[T any](d *drawer, from []T) T { return from[d.number(0, len(from)-1)] }

// value draws one for a field of the schema.
func (d *drawer) value(s schema, field string, depth int) any {
	if d.oddity > 0 && d.percent(d.oddity) {
		return d.odd(s, field, depth)
	}
	s = d.doc.resolved(s)
	if words, ok := s["enum"].([]any); ok {
		return pick(d, words)
	}
	kind := d.kind(s)
	if word, ok := d.word(field); ok && fits(kind, word) {
		return word
	}
	switch kind {
	case "object":
		return d.object(s, depth)
	case "array":
		items, _ := s["items"].(map[string]any)
		list := []any{}
		for range d.number(0, 2) {
			list = append(list, d.value(items, field, depth+1))
		}
		return list
	case "boolean":
		return d.percent(30)
	case "integer":
		return json.Number(pick(d, []string{"1", "2", "7", "100", "500"}))
	case "null":
		return nil
	}
	if s["format"] == "date-time" {
		return pick(d, instants)
	}
	return pick(d, []string{"a", "some words", "n1", "Zoë", strings.Repeat("x", 63)})
}

// fits reports whether a word is of the kind; scalars are told apart by the
// operation.
func fits(kind string, word any) bool {
	switch word.(type) {
	case []any:
		return kind == "array"
	case object:
		return kind == "object"
	}
	return kind != "array" && kind != "object" && kind != "null"
}

// kind is one of the types that the schema allows.
func (d *drawer) kind(s schema) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any: // with null
		if d.percent(10) {
			return "null"
		}
		kind, _ := t[0].(string)
		return kind
	}
	return "object"
}

// object draws the required fields and some of the others.
func (d *drawer) object(s schema, depth int) any {
	out := object{}
	fields, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if slices.Contains(required, any(name)) || d.percent(d.rich) {
			of, _ := fields[name].(map[string]any)
			out = append(out, member{name, d.value(of, name, depth+1)})
		}
	}
	if each, ok := s["additionalProperties"].(map[string]any); ok {
		for range d.number(0, 2) {
			out = append(out, member{pick(d, []string{"team", "tier", "a.b/c"}), d.value(each, "", depth+1)})
		}
	}
	if d.oddity > 0 && d.percent(d.oddity/2) {
		out = d.mangled(out)
	}
	return out
}

// mangled loses a field, has one twice, or one that nobody knows.
func (d *drawer) mangled(o object) object {
	switch at := d.number(0, 4); {
	case at == 0 && len(o) > 0:
		i := d.number(0, len(o)-1)
		return slices.Delete(o, i, i+1)
	case at == 1 && len(o) > 0:
		return append(o, pick(d, o))
	case at == 2 && len(o) > 0:
		again := pick(d, o)
		return append(o, member{strings.ToUpper(again.name), again.value})
	case at == 3:
		return append(o, member{"unknown", d.anything(2)}, member{pick(d, oddTexts), nil})
	}
	return append(o, member{"__proto__", object{}}, member{"", "x"})
}

// odd draws what the schema does not want, or what it wants and the operation
// cannot accept.
func (d *drawer) odd(s schema, field string, depth int) any {
	switch d.number(0, 9) {
	case 0, 1, 2:
		return pick(d, oddTexts)
	case 3:
		return ref{field: field, at: d.number(0, 1<<20), foreign: true}
	case 4:
		return secretRef(d.number(0, 1<<20))
	case 5:
		return raw(pick(d, oddNumbers))
	case 6:
		list := []any{}
		for range pick(d, []int{0, 1, 3, 70, 600}) {
			list = append(list, "item")
		}
		return list
	case 7:
		word, _ := d.word(field)
		return []any{word, word, nil}
	case 8:
		return rapid.StringN(0, 40, 200).Draw(d.t, "text")
	}
	return d.anything(max(0, 3-depth))
}

// anything is any JSON at all.
func (d *drawer) anything(depth int) any {
	switch n := d.number(0, 8); {
	case n == 0:
		return nil
	case n == 1:
		return d.percent(50)
	case n == 2:
		return raw(pick(d, oddNumbers))
	case n == 3 && depth > 0:
		return []any{d.anything(depth - 1), d.anything(depth - 1)}
	case n == 4 && depth > 0:
		return object{{"a", d.anything(depth - 1)}, {pick(d, oddTexts), d.anything(depth - 1)}}
	case n == 5:
		return raw(strings.Repeat("[", 300) + strings.Repeat("]", 300))
	case n == 6:
		return raw(strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300))
	case n == 7:
		return raw(pick(d, []string{`"\ud800"`, `"\u0000"`, "\"\xff\"", `"\/"`, `"\u202e"`, "\"\u2028\"", "1e5", "-0", "01", "nul", ""}))
	}
	return pick(d, oddTexts)
}

// write appends the JSON of a drawn value, once all is looked up.
func write(b []byte, v any, look func(any) string) []byte {
	switch v := v.(type) {
	case raw:
		return append(b, v...)
	case ref, secretRef, given:
		return append(b, quoted(look(v))...)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = write(b, item, look)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = write(append(append(b, quoted(m.name)...), ':'), m.value, look)
		}
		return append(b, '}')
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("a drawn value is no JSON: " + err.Error())
	}
	return append(b, text...)
}

// quoted is a JSON string with the bytes as they are, also those that are no
// UTF-8.
func quoted(s string) []byte {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// flat is a drawn value as a parameter of a path, query or header has it.
func flat(v any, look func(any) string) string {
	switch v := v.(type) {
	case string:
		return v
	case ref, secretRef, given:
		return look(v)
	}
	return string(write(nil, v, look))
}
