package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// drawn is a request as it was drawn: what of it names something that exists is
// looked up when it is sent.
type drawn struct {
	op      *operation
	caller  string
	path    map[string]any
	query   []member
	headers []member
	media   string
	body    any // nil for none
	garble  int // what is done to the bytes of the body
}

// request is one to be sent.
type request struct {
	op      *operation // it is meant for
	objects []string   // that its path names
	caller  string
	method  string
	target  string // path and query, escaped
	header  http.Header
	body    []byte
}

func (r *request) String() string {
	body := r.body
	if len(body) > 2000 {
		body = append(body[:2000:2000], "..."...)
	}
	return fmt.Sprintf("%s %s as %s (meant for %s)\n%v\n%q", r.method, r.target, r.caller, r.op.id, r.header, body)
}

// callers are who asks; the first makes what is needed and asks most.
var callers = []string{"root", "operator", "viewer", "auditor", "admin of one", "operator of one", "viewer of another", "nobody", "a liar"}

// request draws one for any of the operations.
func drawRequest(t *rapid.T, doc *document) drawn {
	d := &drawer{t: t, doc: doc, rich: 15}
	d.op = pick(d, doc.operations)
	caller := "root"
	if d.percent(35) {
		caller = pick(d, callers)
	}
	switch { // whole, with a flaw or two, mostly nonsense
	case d.percent(15):
		d.oddity = 45
	case d.percent(45):
		d.oddity = 10
	}
	if d.percent(30) {
		d.rich = 60
	}
	return d.request(caller)
}

// drawRight draws one for an operation that nothing is wrong with.
func drawRight(t *rapid.T, doc *document, op *operation) drawn {
	d := &drawer{t: t, doc: doc, op: op}
	d.rich, d.newest = pick(d, []int{0, 15, 50}), d.percent(60)
	r := d.request("root")
	switch op.id {
	case "KeyPolicyReset": // only where furnish has set one
		r.path["key_type"], r.query = "service", []member{{"namespace", one}}
	case "NamespaceDelete": // only one that furnish has left empty
		r.path["name"] = "empty-again"
	case "KeysRevoke": // the dry run, whose fields need each other
		r.body = object{{"filter", object{{"name_prefix", "n"}}}, {"reason", "because"}}
	}
	return r
}

func (d *drawer) request(caller string) drawn {
	r := drawn{op: d.op, caller: caller, path: map[string]any{}}
	for _, p := range d.op.parameters {
		switch p.In {
		case "path":
			r.path[p.Name] = d.inPath(p)
		case "query":
			if d.percent(d.rich) {
				r.query = append(r.query, member{p.Name, d.value(p.Schema, p.Name, 3)})
			}
		case "header":
			r.headers = append(r.headers, d.header(p)...)
		}
	}
	if d.oddity > 0 && d.percent(d.oddity/2) {
		r.query = append(r.query, pick(d, []member{{"unknown", "x"}, {"limit", "1"}, {"namespace", "default"}, {"", ""}, {"wait", "1ms"}, {"limit", escaped("%zz")}, {"cursor", escaped("%ff%00")}}))
	}
	d.body(&r)
	return r
}

func (d *drawer) inPath(p parameter) any {
	if d.oddity > 0 && d.percent(d.oddity) {
		return d.odd(p.Schema, p.Name, 3)
	}
	if p.Name == "key_type" {
		word, _ := d.word(p.Name)
		return word
	}
	return ref{field: p.Name, at: d.number(0, 1<<20), newest: d.newest}
}

// escaped is a part of a query that goes out as it is.
type escaped string

// lastTag stands for the entity tag of the object that the path names.
const lastTag = given("tag")

func (d *drawer) header(p parameter) []member {
	odd := d.oddity > 0 && d.percent(d.oddity)
	switch {
	case p.Name == "If-Match" && odd:
		return pick(d, [][]member{
			nil,
			{{p.Name, `"1"`}},
			{{p.Name, `"99"`}},
			{{p.Name, "*"}},
			{{p.Name, `W/"1"`}},
			{{p.Name, `"1", "2"`}},
			{{p.Name, ""}},
			{{p.Name, `""`}},
			{{p.Name, `"9223372036854775808"`}},
			{{p.Name, `"-1"`}},
			{{p.Name, "\xff"}},
			{{p.Name, lastTag}, {p.Name, lastTag}},
			{{p.Name, strings.Repeat("x", 4000)}},
		})
	case p.Name == "If-Match" && (p.Required || d.percent(30)):
		return []member{{p.Name, lastTag}}
	case p.Name == "Idempotency-Key" && odd:
		return pick(d, [][]member{
			{{p.Name, ""}},
			{{p.Name, " "}},
			{{p.Name, "\xff\xfe"}},
			{{p.Name, strings.Repeat("k", 5000)}},
			{{p.Name, "a b"}},
			{{p.Name, "Zoë"}},
			{{p.Name, "once"}},
			{{p.Name, "a"}, {p.Name, "b"}},
			{{p.Name, secretRef(d.number(0, 1<<20))}},
		})
	case p.Name == "Idempotency-Key" && d.percent(30):
		return []member{{p.Name, fmt.Sprintf("key-%d", d.number(0, 400))}}
	}
	return nil
}

// What can be wrong with a body as a whole.
const (
	asDrawn = iota
	cutOff
	twice
	noJSON
	notUTF8
	tooLarge
	tooMany
	empty
	garblings
)

func (d *drawer) body(r *drawn) {
	if d.op.body == nil {
		if d.oddity > 0 && d.percent(d.oddity/4) { // nobody has asked for it
			r.media, r.body = "application/json", object{{"a", "b"}}
		}
		return
	}
	if !d.op.needsBody && d.percent(40) {
		return
	}
	r.media = pick(d, d.op.bodies)
	r.body = d.value(d.op.body, "", 0)
	if d.oddity > 0 && d.percent(d.oddity/3) {
		r.garble = d.number(0, garblings-1)
	}
	if d.oddity > 0 && d.percent(d.oddity/3) {
		r.media = pick(d, []string{
			"", "text/plain", "application/xml", "application/json; charset=latin1", "application/json; charset=UTF-8", "APPLICATION/JSON",
			"application/merge-patch+json", "multipart/form-data", "application/json, text/plain", "/", "\xff", "application/x-www-form-urlencoded",
		})
	}
}

// garbled is the body as it is sent.
func garbled(body []byte, how int) []byte {
	switch how {
	case cutOff:
		return body[:len(body)/2]
	case twice:
		return append(body, body...)
	case noJSON:
		return []byte("name=x&role=admin")
	case notUTF8:
		return append([]byte("\xef\xbb\xbf"), body...)
	case tooLarge:
		return append(body, strings.Repeat(" ", 1<<20)...)
	case tooMany:
		return []byte(`{"name":[` + strings.Repeat("0,", 11_000) + "0]}")
	case empty:
		return []byte{}
	}
	return body
}

// request looks up what was drawn.
func (w *world) request(d drawn) *request {
	r := &request{op: d.op, caller: d.caller, method: d.op.method, header: http.Header{}}
	if delivery, ok := d.path["delivery_id"].(ref); ok && !delivery.foreign {
		id := flat(delivery, w.look(r, ""))
		if webhook, ok := w.memory.webhooks[id]; ok {
			d.path = map[string]any{"delivery_id": id, "webhook_id": webhook}
		}
	}
	var path strings.Builder
	for part := range strings.SplitSeq(d.op.path[1:], "/") {
		path.WriteByte('/')
		if name, ok := strings.CutPrefix(part, "{"); ok {
			object := flat(d.path[strings.TrimSuffix(name, "}")], w.look(r, ""))
			r.objects, part = append(r.objects, object), url.PathEscape(object)
		}
		path.WriteString(part)
	}
	namespace := "default"
	for i, q := range d.query {
		path.WriteByte("?&"[min(i, 1)])
		value, ready := q.value.(escaped)
		if !ready {
			text := flat(q.value, w.look(r, ""))
			if q.name == "namespace" {
				namespace = text
			}
			value = escaped(url.QueryEscape(text))
		}
		path.WriteString(url.QueryEscape(q.name) + "=" + string(value))
	}
	r.target = path.String()
	look := w.look(r, namespace)
	for _, h := range d.headers {
		r.header[h.name] = append(r.header[h.name], oneLine(flat(h.value, look)))
	}
	if d.body != nil {
		r.body = garbled(write(nil, d.body, look), d.garble)
		r.header.Set("Content-Type", d.media)
	}
	return r
}

// oneLine is what a header can carry at all.
func oneLine(s string) string {
	return string(slices.DeleteFunc([]byte(s), func(c byte) bool { return c < 0x20 || c == 0x7f }))
}

// look answers what a drawn value of a request stands for.
func (w *world) look(r *request, namespace string) func(any) string {
	return func(v any) string {
		switch v := v.(type) {
		case given:
			if v == lastTag {
				return w.memory.tag(r, namespace)
			}
			return w.given[v]
		case secretRef:
			return w.memory.secret(int(v))
		case ref:
			place, field := collection(r.op.path), v.field
			if before, after, ok := strings.Cut(field, " "); ok {
				place, field = before, after
			}
			if known := w.memory.values[place+" "+field]; v.newest && len(known) > 0 {
				return known[len(known)-1]
			}
			return w.memory.find(place, field, v.at, v.foreign)
		}
		panic(fmt.Sprintf("%T stands for nothing", v))
	}
}
