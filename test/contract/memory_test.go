package contract

import (
	"slices"
	"strings"
)

// mostRemembered bounds what is remembered of a field.
const mostRemembered = 40

// memory is what the server has answered: the ids, names, cursors and tags that
// later requests use.
type memory struct {
	values   map[string][]string // by "path field", the newest last
	tags     map[string]string   // entity tags, by the id of the object, "id@namespace", or the path of the only one
	webhooks map[string]string   // of deliveries, by their id
	secrets  []string            // texts that are shown once
	never    []string            // ids that no request may name: those the tests stand on
}

func newMemory() *memory {
	return &memory{values: map[string][]string{}, tags: map[string]string{}, webhooks: map[string]string{}}
}

// secretFields are those whose text is shown once.
var secretFields = []string{"key_text", "token_text", "secret"}

// learn remembers an answer to a request; tag is its ETag.
func (m *memory) learn(r *request, answer any, tag string) {
	op := r.op
	object, ok := answer.(map[string]any)
	if !ok {
		return
	}
	if tag != "" && !strings.Contains(op.path, "{") {
		m.tags[op.path] = tag
	}
	m.learnObject(collection(op.path), object, tag)
	for _, name := range []string{"items", "sample"} {
		items, _ := object[name].([]any)
		for _, item := range items {
			o, ok := item.(map[string]any)
			if !ok {
				continue
			}
			m.learnObject(collection(op.path), o, "")
			if delivery, ok := o["delivery_id"].(string); ok {
				m.webhooks[delivery] = r.objects[0]
			}
		}
	}
}

func (m *memory) learnObject(place string, object map[string]any, tag string) {
	for field, value := range object {
		switch v := value.(type) {
		case string:
			m.keep(place, field, v)
			if tag != "" && (strings.HasSuffix(field, "id") || strings.HasSuffix(field, "name") || field == "key_type") {
				m.tags[v] = tag
				if namespace, ok := object["namespace"].(string); ok {
					m.tags[v+"@"+namespace] = tag
				}
			}
		case map[string]any:
			m.learnObject(place, v, tag)
		}
	}
}

func (m *memory) keep(place, field, value string) {
	if slices.Contains(secretFields, field) {
		m.secrets = append(m.secrets, value)
		return
	}
	if value == "" || slices.Contains(m.never, value) {
		return
	}
	at := place + " " + field
	kept := slices.DeleteFunc(m.values[at], func(v string) bool { return v == value })
	if len(kept) >= mostRemembered {
		kept = kept[1:]
	}
	m.values[at] = append(kept, value)
}

// forget lets go of an object that was deleted.
func (m *memory) forget(op *operation, object string) {
	for at, values := range m.values {
		if strings.HasPrefix(at, collection(op.path)+" ") {
			m.values[at] = slices.DeleteFunc(values, func(v string) bool { return v == object })
		}
	}
}

// tag answers the entity tag of what a path names, in the namespace if it is
// said.
func (m *memory) tag(r *request, namespace string) string {
	at := []string{r.op.path}
	if n := len(r.objects); n > 0 {
		at = []string{r.objects[n-1] + "@" + namespace, r.objects[n-1]}
	}
	for _, key := range at {
		if tag, ok := m.tags[key]; ok {
			return tag
		}
	}
	return `"1"`
}

// collection is the place of the objects that a path is about.
func collection(path string) string {
	before, _, _ := strings.Cut(path, "/{")
	return before
}

// find answers a remembered value of a field: one of the place or, if nothing
// is known of it, of a place nearby, of any. Foreign answers one of any place
// and any field.
func (m *memory) find(place, field string, at int, foreign bool) string {
	for ; !foreign && place != ""; place = place[:strings.LastIndex(place, "/")] {
		if v, ok := m.below(place, func(f string) bool { return f == field }, at); ok {
			return v
		}
	}
	if v, ok := m.below("", func(f string) bool { return foreign || f == field }, at); ok {
		return v
	}
	return "nothing-is-known"
}

// below picks among the values of the fields of places that begin so.
func (m *memory) below(place string, of func(field string) bool, at int) (string, bool) {
	var all []string
	for key, values := range m.values {
		if where, field, _ := strings.Cut(key, " "); strings.HasPrefix(where, place) && of(field) {
			all = append(all, values...)
		}
	}
	if len(all) == 0 {
		return "", false
	}
	slices.Sort(all)
	return all[at%len(all)], true
}

// secret answers one of the texts that were shown once.
func (m *memory) secret(at int) string {
	if len(m.secrets) == 0 {
		return "crd_live_nothing"
	}
	return m.secrets[at%len(m.secrets)]
}
