package pipeline

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

const one, two = "crd_live_one", "crd_live_two"

// extracted answers the text that was found, or the reason in brackets.
func extracted(tb testing.TB, places []Place, r *Request) (string, Credential) {
	tb.Helper()
	w := newWorld(tb)
	w.options.Places = places
	p := w.pipeline(tb)
	c := check{r: r, d: &w.decision}
	if reason := p.extract(&c); reason != ReasonNone {
		if c.text != nil {
			tb.Errorf("%v, and yet a text", reason)
		}
		return "(" + reason.String() + ")", c.d.Credential
	}
	return string(c.text), c.d.Credential
}

// Each trap of facts section 4 that is about headers.
func TestExactlyOneCredentialIsTaken(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []Field
		want    string
	}{
		{"key header", fields("x-api-key", one), one},
		{"bearer", fields("authorization", "Bearer "+one), one},
		{"bearer in other letter case", fields("authorization", "bEARER "+one), one},
		{"bearer with many blanks", fields("authorization", " Bearer \t "+one+" "), one},
		{"blanks around the key on HTTP/2", fields("x-api-key", " "+one+"\t"), one},
		{"none", fields("accept", "*/*"), "(missing_key)"},
		{"empty", fields("x-api-key", ""), "(missing_key)"},
		{"only blanks", fields("x-api-key", " \t "), "(missing_key)"},
		{"bearer of nothing", fields("authorization", "Bearer"), "(missing_key)"},
		{"bearer of blanks", fields("authorization", "Bearer   "), "(missing_key)"},
		{"a scheme of others", fields("authorization", "Basic dXNlcjpwYXNz"), "(missing_key)"},
		{"a scheme that begins like ours", fields("authorization", "BearerX "+one), "(missing_key)"},
		{"no scheme", fields("authorization", one), "(missing_key)"},
		{"a scheme of others and a key", fields("authorization", "Basic dXNlcjpwYXNz", "x-api-key", one), one},
		{"an empty place and a key", fields("authorization", "", "x-api-key", one), one},

		{"row 1: two lines, raw", fields("x-api-key", one, "x-api-key", two), "(ambiguous_key)"},
		{"row 1: two lines, joined", fields("x-api-key", one+","+two), "(ambiguous_key)"},
		{"row 1: two equal lines, raw", fields("x-api-key", one, "x-api-key", one), "(ambiguous_key)"},
		{"row 1: two equal lines, joined", fields("x-api-key", one+","+one), "(ambiguous_key)"},
		{"row 1: an empty line behind, raw", fields("x-api-key", one, "x-api-key", ""), one},
		{"row 1: an empty line behind, joined", fields("x-api-key", one+","), one},
		{"row 1: an empty line before, raw", fields("x-api-key", " ", "x-api-key", one), one},
		{"row 1: an empty line before, joined", fields("x-api-key", " ,"+one), one},
		{"row 1: two empty lines", fields("x-api-key", ","), "(missing_key)"},
		{"row 2: two places", fields("x-api-key", one, "authorization", "Bearer "+two), "(ambiguous_key)"},
		{"row 2: two places, equal", fields("x-api-key", one, "authorization", "Bearer "+one), "(ambiguous_key)"},
		{"row 34: two bearer lines, joined", fields("authorization", "Bearer "+one+",Bearer "+two), "(ambiguous_key)"},
		{"row 34: two bearer lines, raw", fields("authorization", "Bearer "+one, "authorization", "Bearer "+two), "(ambiguous_key)"},
		{"row 34: another scheme first, joined", fields("authorization", "Basic dTpw,Bearer "+one), "(ambiguous_key)"},
		{"row 34: another scheme first, raw", fields("authorization", "Basic dTpw", "authorization", "Bearer "+one), "(ambiguous_key)"},
		{"row 34: a comma and nothing", fields("authorization", "Bearer "+one+","), "(ambiguous_key)"},
		{"row 34: an empty line, raw", fields("authorization", "", "authorization", "Bearer "+one), one},
		{"row 8: bytes that are no text", fields("x-api-key", "\xff\xfe"), "\xff\xfe"},
		{"row 4: alias spellings are other headers", fields("x_api_key", one, "x.api.key", one), "(missing_key)"},
		{"cookies are no place", fields("cookie", "x-api-key="+one), "(missing_key)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, place := extracted(t, nil, &Request{HTTP: true, Headers: c.headers, Path: []byte("/?x-api-key=" + two)})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if found := !strings.HasPrefix(got, "("); found != (place.Header != "") || place.Query != nil {
				t.Errorf("place: %+v", place)
			}
		})
	}
}

func TestPlaceOfTheCredentialIsReported(t *testing.T) {
	places := []Place{{PlaceHeader, "x-api-key"}, {PlaceBearer, "authorization"}, {PlaceQuery, "api_key"}}
	for want, r := range map[string]*Request{
		"x-api-key":     {Headers: fields("x-api-key", one)},
		"authorization": {Headers: fields("authorization", "Bearer "+one)},
		"?api_key":      {Path: []byte("/?a=b&api_key=" + one)},
	} {
		text, place := extracted(t, places, r)
		got := place.Header
		if place.Query != nil {
			got += "?" + string(place.Query)
		}
		if text != one || got != want {
			t.Errorf("%s at %q, want %q", text, got, want)
		}
	}
}

// Row 11 of facts section 4.
func TestQueryIsReadStrictly(t *testing.T) {
	places := []Place{{PlaceHeader, "x-api-key"}, {PlaceQuery, "api_key"}}
	for _, c := range []struct{ name, path, want string }{
		{"alone", "/a?api_key=" + one, one},
		{"among others", "/a?x=1&api_key=" + one + "&y=2", one},
		{"cut at the fragment", "/a?api_key=" + one + "#x", one},
		{"in the fragment", "/a#?api_key=" + one, "(missing_key)"},
		{"in the path", "/api_key=" + one, "(missing_key)"},
		{"no path", "", "(missing_key)"},
		{"no query", "/a", "(missing_key)"},
		{"empty query", "/a?", "(missing_key)"},
		{"no value", "/a?api_key", "(missing_key)"},
		{"empty value", "/a?api_key=", "(missing_key)"},
		{"other letter case", "/a?API_KEY=" + one, "(missing_key)"},
		{"longer name", "/a?api_keys=" + one, "(missing_key)"},
		{"shorter name", "/a?api_ke=" + one, "(missing_key)"},
		{"twice", "/a?api_key=" + one + "&api_key=" + two, "(ambiguous_key)"},
		{"twice, once empty", "/a?api_key=&api_key=" + one, "(ambiguous_key)"},
		{"encoded name", "/a?api%5fkey=" + one, "(ambiguous_key)"},
		{"encoded name in upper case", "/a?%61pi%5Fkey=" + one, "(ambiguous_key)"},
		{"encoded and plain name", "/a?api_key=" + one + "&api%5Fkey=" + two, "(ambiguous_key)"},
		{"encoded name without value", "/a?api%5fkey", "(ambiguous_key)"},
		{"twice encoded name is another", "/a?api%255fkey=" + one, "(missing_key)"},
		{"broken encoding", "/a?api%5=" + one, "(missing_key)"},
		{"semicolon separates nothing", "/a?x=1;api_key=" + one, "(missing_key)"},
		{"semicolon in the value", "/a?api_key=" + one + ";x=1", one + ";x=1"},
		{"second question mark", "/a?x?api_key=" + one, "(missing_key)"},
		{"value is not decoded", "/a?api_key=crd%5flive", "crd%5flive"},
		{"value with equals sign", "/a?api_key=a=b", "a=b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := extracted(t, places, &Request{Path: []byte(c.path)}); got != c.want {
				t.Errorf("%s: %q, want %q", c.path, got, c.want)
			}
		})
	}
	both := &Request{Path: []byte("/?api_key=" + one), Headers: fields("x-api-key", one)}
	if got, _ := extracted(t, places, both); got != "(ambiguous_key)" {
		t.Errorf("header and query: %q", got)
	}
	connect := &Request{Method: []byte("CONNECT"), Path: []byte("/?api_key=" + one)}
	if got, _ := extracted(t, places, connect); got != "(missing_key)" {
		t.Errorf("CONNECT has no query: %q", got)
	}
}

func TestConnectAndEmptyPathAreDecidedLikeOthers(t *testing.T) {
	w := newWorld(t)
	w.options.Places = []Place{{PlaceHeader, "x-api-key"}, {PlaceQuery, "api_key"}}
	w.request.Method, w.request.Path = []byte("CONNECT"), nil
	w.want(t, ReasonAllowed)
	w.key.Bounds = &Bounds{Paths: []string{"/*"}}
	w.want(t, ReasonRouteNotAllowed)
}

func TestAnonymousIsForRequestsWithoutAnyCredential(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []Field
		want    Reason
	}{
		{"none", fields(), ReasonAllowedAnonymous},
		{"empty", fields("x-api-key", " "), ReasonAllowedAnonymous},
		{"of others", fields("authorization", "Basic dTpw"), ReasonAllowedAnonymous},
		{"malformed", fields("x-api-key", "?"), ReasonMalformedKey},
		{"unknown", fields("x-api-key", "crd_live_0"), ReasonMalformedKey},
		{"two", fields("x-api-key", "a,b"), ReasonAmbiguousKey},
	} {
		w := newWorld(t)
		w.extend("credence.anonymous", "allow")
		w.request.Headers = c.headers
		if d := w.decide(t); d.Reason != c.want || d.Key != nil {
			t.Errorf("%s: %v, want %v", c.name, d.Reason, c.want)
		}
	}
}

func TestAnonymousIsRefusedByTheBlacklistOfTheRoutesNamespaces(t *testing.T) {
	for _, c := range []struct {
		namespaces, blacklisted string
		want                    Reason
	}{
		{"", "default", ReasonBlacklisted},
		{"", "shop", ReasonAllowedAnonymous},
		{"bar, shop", "shop", ReasonBlacklisted},
		{"bar, shop", "default", ReasonAllowedAnonymous},
	} {
		w := newWorld(t)
		w.header()
		w.blacklist.add(c.blacklisted, "203.0.113.0/24")
		w.extend("credence.anonymous", "allow")
		if c.namespaces != "" {
			w.extend("credence.anonymous", "allow", "credence.namespace", c.namespaces)
		}
		w.want(t, c.want)
	}
}

// Whether Envoy joins equal headers or not, the decision is the same, and a
// text that is taken is the only one there.
func FuzzExtract(f *testing.F) {
	f.Add([]byte(one), []byte(two), []byte("Bearer "+one))
	f.Add([]byte(one), []byte(""), []byte(""))
	f.Add([]byte(" ,"), []byte("\t"), []byte("bearer\t"+two))
	f.Add([]byte("\xff"), []byte("a,b"), []byte("Basic x,Bearer y"))
	f.Fuzz(func(t *testing.T, a, b, authorization []byte) {
		raw := &Request{Headers: []Field{
			{[]byte("x-api-key"), a}, {[]byte("authorization"), authorization}, {[]byte("x-api-key"), b},
		}}
		joined := &Request{Headers: []Field{
			{[]byte("authorization"), authorization},
			{[]byte("x-api-key"), bytes.Join([][]byte{a, b}, []byte(","))},
		}}
		text, place := extracted(t, nil, raw)
		text2, place2 := extracted(t, nil, joined)
		if text != text2 || place.Header != place2.Header {
			t.Fatalf("raw %q, joined %q", text, text2)
		}
		if place.Header == "" {
			return
		}
		if text == "" || strings.Trim(text, " \t") != text || strings.Contains(text, ",") {
			t.Fatalf("taken: %q", text)
		}
		all := string(bytes.Join([][]byte{a, b, authorization}, []byte(",")))
		if place.Header == "x-api-key" && strings.Trim(strings.Replace(string(a)+","+string(b), text, "", 1), " \t,") != "" {
			t.Fatalf("%q was taken from %q", text, all)
		}
	})
}

// A name that net/url decodes to ours never passes unseen, and what is taken
// stands in the query exactly once, plainly spelled.
func FuzzQuery(f *testing.F) {
	f.Add([]byte("/a?api_key=x&b=c"))
	f.Add([]byte("/a?api%5Fkey=x&api_key=y"))
	f.Add([]byte("/a?x=1;api_key=2#api_key=3"))
	f.Add([]byte("/?%"))
	f.Fuzz(func(t *testing.T, path []byte) {
		text, place := extracted(t, []Place{{PlaceQuery, "api_key"}}, &Request{Path: path})
		plain, _, _ := bytes.Cut(path, []byte("#"))
		_, query, _ := strings.Cut(string(plain), "?")
		count, value := 0, ""
		for pair := range strings.SplitSeq(query, "&") {
			name, v, _ := strings.Cut(pair, "=")
			if decoded, err := url.QueryUnescape(name); err == nil && decoded == "api_key" {
				count++
				value = v
			}
		}
		switch taken := place.Query != nil; {
		case taken && (count != 1 || string(place.Query) != "api_key" || text != strings.Trim(value, " \t")):
			t.Fatalf("%q: took %q at %q, there are %d", path, text, place.Query, count)
		case count > 1 && text != "(ambiguous_key)":
			t.Fatalf("%q: %s in spite of %d parameters", path, text, count)
		case count == 0 && text != "(missing_key)":
			t.Fatalf("%q: %s without any parameter", path, text)
		}
	})
}
