package forward

import (
	"net/http"
	"strings"

	"credence/extauthz/pipeline"
)

// profile is how one kind of proxy asks and what it understands.
type profile struct {
	name string
	// segment is the first of the path; separator stands between it and the
	// policy.
	segment   string
	separator string
	// method, host and uri are the lower-case names of the headers that say
	// what the client asked for; "" when the subrequest itself says it.
	method, host, uri string
	// removes is true when the proxy removes whatever header the answer
	// names, so that odd spellings need not be refused.
	removes bool
	// forbids is true when the proxy understands no refusal but 401 and 403.
	forbids bool
}

// profiles is the table of those who may ask.
func profiles() []profile {
	return []profile{
		{name: "envoy", segment: "/envoy", separator: ":", removes: true},
		{
			name: "forward-auth", segment: "/auth", separator: "/",
			method: "x-forwarded-method", host: "x-forwarded-host", uri: "x-forwarded-uri",
		},
		{
			name: "auth-request", segment: "/auth-request", separator: "/",
			method: "x-original-method", host: "x-original-host", uri: "x-original-uri", forbids: true,
		},
	}
}

// inPath is true when the client's path follows in the subrequest's.
func (p *profile) inPath() bool { return p.uri == "" }

// endpoint is where a subrequest went to.
type endpoint struct {
	profile *profile
	policy  string // "" for none
	path    string // of the client, with the query; only for a profile inPath
}

// find reads the request target as it stood on the wire: nothing is decoded,
// cleaned or redirected.
func find(all []profile, target string) (endpoint, bool) {
	for i := range all {
		if e, ok := all[i].find(target); ok {
			return e, true
		}
	}
	return endpoint{}, false
}

func (p *profile) find(target string) (endpoint, bool) {
	rest, ok := strings.CutPrefix(target, p.segment)
	if !ok {
		return endpoint{}, false
	}
	e := endpoint{profile: p}
	if p.inPath() {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return endpoint{}, false
		}
		rest, e.path = rest[:slash], rest[slash:]
	} else {
		rest, _, _ = strings.Cut(rest, "?") // a proxy may add the client's query
	}
	if rest == "" {
		return e, true
	}
	e.policy, ok = strings.CutPrefix(rest, p.separator)
	return e, ok && isPolicyName(e.policy)
}

// original says what the client asked for.
type original struct{ method, host, uri string }

// original reads it. The error is for the log and quotes nothing.
func (e *endpoint) original(r *http.Request) (original, error) {
	if e.profile.inPath() {
		return original{method: r.Method, host: r.Host, uri: e.path}, nil
	}
	var o original
	for _, part := range []struct {
		name string
		to   *string
	}{{e.profile.method, &o.method}, {e.profile.host, &o.host}, {e.profile.uri, &o.uri}} {
		values := r.Header.Values(part.name)
		if len(values) != 1 {
			return original{}, notOnceError{part.name, len(values)}
		}
		*part.to = values[0]
	}
	switch {
	case !isToken(o.method):
		return original{}, oddValueError{e.profile.method, "no method"}
	case o.host == "":
		return original{}, oddValueError{e.profile.host, "empty"}
	case !strings.HasPrefix(o.uri, "/"):
		return original{}, oddValueError{e.profile.uri, "no path"}
	}
	return o, nil
}

// says reports whether the header is one of those that say what the client
// asked for, and no header of the client's.
func (p *profile) says(name string) bool {
	return name != "" && (name == p.method || name == p.host || name == p.uri)
}

// policyWord names a stored policy. The pipeline denies, and counts it as such,
// where there is none of that name.
func policyWord(name string) pipeline.Field {
	return pipeline.Field{Name: []byte("credence.policy"), Value: []byte(name)}
}
