package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// appended says which of the two fields of a header option are set, and how.
type appended struct {
	append *bool
	action corev3.HeaderValueOption_HeaderAppendAction
}

// The actions, by their names in the API, and one that is none.
const (
	appendOrAdd    = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD // the zero value
	addIfAbsent    = corev3.HeaderValueOption_ADD_IF_ABSENT
	overwriteOrAdd = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
	overwrite      = corev3.HeaderValueOption_OVERWRITE_IF_EXISTS
	noAction       = corev3.HeaderValueOption_HeaderAppendAction(77)
)

func (a appended) String() string {
	text := "unset"
	if a.append != nil {
		text = fmt.Sprint(*a.append)
	}
	return fmt.Sprintf("append %s, action %d", text, a.action)
}

func (a appended) option(name, value string) *corev3.HeaderValueOption {
	o := &corev3.HeaderValueOption{Header: pair(name, value), AppendAction: a.action}
	if a.append != nil {
		o.Append = wrapperspb.Bool(*a.append) //nolint:staticcheck // deprecated, and the one that Envoy obeys
	}
	return o
}

// options are all of them.
func options() []appended {
	var all []appended
	for _, set := range []*bool{nil, new(false), new(true)} {
		for _, action := range []corev3.HeaderValueOption_HeaderAppendAction{
			appendOrAdd, addIfAbsent, overwriteOrAdd, overwrite, noAction,
		} {
			all = append(all, appended{set, action})
		}
	}
	return all
}

// pairOfCredence is what every answer of ours carries.
var pairOfCredence = appended{new(false), overwriteOrAdd}

// values answers the values of all header lines of a name in a reply.
func values(r *reply, name string) []string { return r.header.Values(name) }

// What a header of an allow does to one that the client forged. Envoy has two
// fields for it and obeys only the older one here: append. Unless that is
// true, everything forged is gone; were a release to obey the other one, this
// table would show it.
func TestEnvoyOverwritesWhatTheClientForged(t *testing.T) {
	t.Parallel()
	answers := map[string]func() (*authv3.CheckResponse, error){}
	for _, o := range options() {
		answers[o.String()] = allowWith(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{o.option("x-who", "S")}})
	}
	d := scriptedGateway(t, scripted(t, answers), scriptedGates)
	for _, o := range options() {
		want := [][]string{{"S"}, {"S"}, {"S"}}
		if o.append != nil && *o.append {
			want = [][]string{nil, {"f1,S"}, {"f1,S", "f2"}}
		}
		for forged, want := range want {
			var headers [][2]string
			for i := range forged {
				headers = append(headers, [2]string{"x-who", fmt.Sprintf("f%d", i+1)})
			}
			got := d.ask(t, "gateway", "/who", o.String(), headers...).echoed(t).Values("x-who")
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d forged: the upstream sees %q, want %q", o, forged, got, want)
			}
		}
	}
}

// What a header toward the client does to one of the upstream. Here it is the
// newer field that counts, unless the older one is there.
func TestEnvoyOverwritesWhatTheUpstreamAnswered(t *testing.T) {
	t.Parallel()
	answers := map[string]func() (*authv3.CheckResponse, error){}
	for _, o := range options() {
		answers[o.String()] = allowWith(&authv3.OkHttpResponse{
			ResponseHeadersToAdd: []*corev3.HeaderValueOption{o.option("x-answer", "S")},
		})
	}
	d := scriptedGateway(t, scripted(t, answers), scriptedGates)
	unset := map[corev3.HeaderValueOption_HeaderAppendAction][2][]string{
		appendOrAdd: {{"up", "S"}, {"S"}}, addIfAbsent: {{"up"}, {"S"}}, overwriteOrAdd: {{"S"}, {"S"}},
		overwrite: {{"S"}, nil}, noAction: {{"up"}, nil},
	}
	for _, o := range options() {
		want := unset[o.action]
		if o.append != nil && *o.append {
			want = [2][]string{{"up", "S"}, {"S"}}
		} else if o.append != nil {
			want = [2][]string{{"S"}, {"S"}}
		}
		for i, path := range []string{"/up", "/plain"} {
			if got := values(d.ask(t, "gateway", path, o.String()), "x-answer"); !slices.Equal(got, want[i]) {
				t.Errorf("%s, %s: the client sees %q, want %q", o, path, got, want[i])
			}
		}
	}
}

// Removal comes after setting, and takes every line of a name; a name that is
// not ours to remove is passed over.
func TestEnvoyRemovesAfterItHasSet(t *testing.T) {
	t.Parallel()
	d := scriptedGateway(t, scripted(t, map[string]func() (*authv3.CheckResponse, error){
		"both": allowWith(&authv3.OkHttpResponse{
			Headers:         []*corev3.HeaderValueOption{pairOfCredence.option("x-who", "S")},
			HeadersToRemove: []string{"x-who", "X-Other", "x.dot", ":path", "host", "no name"},
		}),
		"twice": allowWith(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{
			pairOfCredence.option("x-who", "S1"), pairOfCredence.option("X-Who", "S2"),
		}}),
		// Credence never sets an empty value: the main branch of Envoy drops it.
		"empty": allowWith(&authv3.OkHttpResponse{Headers: []*corev3.HeaderValueOption{pairOfCredence.option("x-who", "")}}),
		// And never this field: it is not read.
		"raw": allowWith(&authv3.OkHttpResponse{ResponseHeadersToAdd: []*corev3.HeaderValueOption{{
			Header: &corev3.HeaderValue{Key: "x-raw", RawValue: []byte("S")}, Append: wrapperspb.Bool(false),
		}}}),
	}), scriptedGates)
	forged := [][2]string{{"x-who", "f1"}, {"x-who", "f2"}, {"x-other", "f"}, {"x-other", "f"}, {"x.dot", "f"}}
	got := d.ask(t, "gateway", "/removed", "both", forged...).echoed(t)
	for _, name := range []string{"x-who", "x-other", "x.dot"} {
		if left := got.Values(name); len(left) > 0 {
			t.Errorf("%s = %q, want it gone", name, left)
		}
	}
	if got.Path != "/removed" || !slices.Equal(got.Values("host"), []string{"gateway.test"}) {
		t.Errorf("path %q, host %q: want them kept", got.Path, got.Values("host"))
	}
	for name, want := range map[string][]string{"twice": {"S2"}, "empty": {""}} {
		if got := d.ask(t, "gateway", "/set", name, forged...).echoed(t).Values("x-who"); !slices.Equal(got, want) {
			t.Errorf("%s: x-who = %q, want %q", name, got, want)
		}
	}
	if got := values(d.ask(t, "gateway", "/set", "raw"), "x-raw"); !slices.Equal(got, []string{""}) {
		t.Errorf("x-raw = %q, want an empty line: raw_value is not read", got)
	}
}

// Header entries of a denial: one line each, unless append is true.
func TestEnvoyWritesEachHeaderOfADenial(t *testing.T) {
	t.Parallel()
	answers := map[string]func() (*authv3.CheckResponse, error){}
	deny := func(options ...*corev3.HeaderValueOption) *authv3.DeniedHttpResponse {
		return &authv3.DeniedHttpResponse{Status: httpStatus(401), Headers: options}
	}
	for _, o := range options() {
		answers[o.String()] = denyWith(deny(o.option("www-authenticate", "A"), o.option("www-authenticate", "B")))
	}
	answers["empty"] = denyWith(deny(pairOfCredence.option("x-empty", "")))
	answers["keep-alive"] = denyWith(deny(pairOfCredence.option("keep-alive", "timeout=5")))
	d := scriptedGateway(t, scripted(t, answers), scriptedGates)
	for _, o := range options() {
		want := []string{"A", "B"}
		if o.append != nil && *o.append {
			want = nil
		}
		if got := values(d.ask(t, "gateway", "/denied", o.String()), "www-authenticate"); !slices.Equal(got, want) {
			t.Errorf("%s: the client sees %q, want %q", o, got, want)
		}
	}
	if got := values(d.ask(t, "gateway", "/denied", "empty"), "x-empty"); !slices.Equal(got, []string{""}) {
		t.Errorf("x-empty = %q, want an empty line", got)
	}
	if got, want := len(values(d.ask(t, "gateway", "/denied", "keep-alive"), "keep-alive")), expected(always(0), from(38, 0, 1)); got != want {
		t.Errorf("%d lines of keep-alive, want %d", got, want)
	}
}

// A line break or a zero byte in an answer. Credence cleans and refuses them
// long before; the line of the shipped configuration that catches them all the
// same is validate_mutations.
func TestEnvoyWritesLineBreaksUnlessToldToValidate(t *testing.T) {
	t.Parallel()
	answers := map[string]func() (*authv3.CheckResponse, error){}
	for name, value := range map[string]string{"line": "a\r\nx-injected: yes", "zero": "a\x00b"} {
		answers["denied "+name] = denyWith(&authv3.DeniedHttpResponse{
			Status: httpStatus(403), Headers: []*corev3.HeaderValueOption{pairOfCredence.option("x-odd", value)},
		})
		answers["added "+name] = allowWith(&authv3.OkHttpResponse{
			ResponseHeadersToAdd: []*corev3.HeaderValueOption{pairOfCredence.option("x-odd", value)},
		})
		answers["upstream "+name] = allowWith(&authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{pairOfCredence.option("x-odd", value)},
		})
	}
	d := scriptedGateway(t, scripted(t, answers), scriptedGates)
	for _, place := range []string{"denied", "added"} {
		r := d.ask(t, "gateway", "/odd", place+" line")
		if r.header.Get("x-injected") != "yes" {
			t.Errorf("%s: no injected line; Envoy checks by itself now", place)
		}
	}
	// Toward HTTP/2 clients: the stream ends, except that 1.36 makes two lines
	// of a value with a zero byte.
	for name, want := range map[string][]string{
		"denied line": nil, "denied zero": expected(always([]string{"a", "b"}), from(37, 0, []string(nil))),
	} {
		r, err := d.tryHTTP2(t, "/odd", http.Header{scriptHeader: {name}})
		if (err != nil) != (want == nil) || err == nil && !slices.Equal(values(r, "x-odd"), want) {
			t.Errorf("%s over HTTP/2: %+v, %v; want lines %q", name, r, err, want)
		}
	}
	if got := d.ask(t, "gateway", "/odd", "upstream line").status; got != 503 {
		t.Errorf("a line break toward the upstream: %d, want 503", got)
	}
	for name := range answers {
		counters, err := d.envoy.ExtAuthzOf(t.Context(), "strict")
		if err != nil {
			t.Fatal(err)
		}
		r := d.ask(t, "strict", "/odd", name)
		after, err := d.envoy.ExtAuthzOf(t.Context(), "strict")
		if err != nil {
			t.Fatal(err)
		}
		if r.status != 500 || r.header.Get("x-injected") != "" || strings.Contains(r.body, "injected") {
			t.Errorf("%s, validated: %d with headers %q, want 500 and nothing of it", name, r.status, r.header)
		}
		if after["invalid"] != counters["invalid"]+1 {
			t.Errorf("%s: counter invalid went from %d to %d", name, counters["invalid"], after["invalid"])
		}
	}
}
