package pipeline

import (
	"bytes"

	"credence/store/route"
)

// Place is where a credential may stand.
//
// All configured places are searched and exactly one credential may be found
// in them together, even if two would be equal (RFC 6750, 2): whoever reads
// the request after us might take the other one. Those whose callers send a
// bearer token of somebody else next to their key leave the bearer place out.
type Place struct {
	Kind PlaceKind
	// Name is the lower-case header name, or the query parameter's name.
	Name string
}

// PlaceKind is the kind of a place.
type PlaceKind uint8

// The kinds of place.
const (
	PlaceHeader PlaceKind = iota + 1 // the value of a header is the credential
	PlaceBearer                      // "Bearer <credential>" in a header
	PlaceQuery                       // a query parameter
)

// DefaultPlaces are x-api-key and the bearer token in authorization. Query
// parameters end up in logs, referers and histories (RFC 6750, 2.3), so they
// have to be asked for.
func DefaultPlaces() []Place {
	return []Place{{PlaceHeader, "x-api-key"}, {PlaceBearer, "authorization"}}
}

// extract finds the one credential of the request.
func (p *Pipeline) extract(c *check) Reason {
	var f finding
	if c.ahead {
		f = c.r.ahead.found
	} else {
		f = p.find(c.r)
	}
	switch {
	case f.ambiguous || f.count > 1:
		return ReasonAmbiguousKey
	case f.count == 1:
		c.text, c.d.Credential = f.text, f.place
		return ReasonNone
	case c.route.anonymous:
		return p.anonymous(c)
	}
	return ReasonMissingKey
}

// anonymous lets a request without any credential into a route that is open
// to it, unless the blacklist of the route's namespaces refuses the client.
func (p *Pipeline) anonymous(c *check) Reason {
	if stored := c.route.stored; stored != nil {
		for _, namespace := range stored.Namespaces {
			if reason := p.blacklisted(c, namespace); reason != ReasonNone {
				return reason
			}
		}
	}
	if len(c.route.namespaces) == 0 && c.route.stored == nil {
		if reason := p.blacklisted(c, defaultNamespace); reason != ReasonNone {
			return reason
		}
	}
	for word, rest := cutWord(c.route.namespaces); len(word) > 0; word, rest = cutWord(rest) {
		if reason := p.blacklisted(c, string(word)); reason != ReasonNone {
			return reason
		}
	}
	return ReasonAllowedAnonymous
}

// find searches the places of the request.
func (p *Pipeline) find(r *Request) (f finding) {
	for i := range r.Headers {
		for j := range p.headers {
			if place := &p.headers[j]; string(r.Headers[i].Name) == place.Name {
				f.header(place, r.Headers[i].Value)
			}
		}
	}
	if p.parameter != "" && string(r.Method) != "CONNECT" { // whose target is an authority, RFC 9110, 9.3.6
		f.query(r.Path, p.parameter)
	}
	return f
}

// one reports whether there is one credential, and no doubt which.
func (f *finding) one() bool { return !f.ambiguous && f.count == 1 }

// finding is what the places held so far.
type finding struct {
	text       []byte
	place      Credential
	count      int // credentials that are not empty
	bearers    int // bearer headers that are not empty
	parameters int // query parameters of our name
	ambiguous  bool
}

// credential notes a value. An empty or blank one is no credential: proxies
// and clients send those where there is nothing to say.
func (f *finding) credential(value []byte, place Credential) {
	if value = trimBlanks(value); len(value) > 0 {
		f.text, f.place = value, place
		f.count++
	}
}

func (f *finding) header(place *Place, value []byte) {
	if place.Kind == PlaceBearer {
		f.bearer(place.Name, value)
		return
	}
	// Without encode_raw_headers Envoy joins the values of equal headers with
	// a comma, which no key contains: cut there, both shapes come out alike.
	for more := true; more; {
		var part []byte
		part, value, more = cutByte(value, ',')
		f.credential(part, Credential{Header: place.Name})
	}
}

// bearer reads an authorization header. A comma there is the sign of several
// headers that Envoy joined, also with encode_raw_headers (facts about its
// inline headers), so the scheme is not even looked at. Schemes of others are
// not ours to judge.
func (f *finding) bearer(name string, value []byte) {
	value = trimBlanks(value)
	if len(value) == 0 {
		return
	}
	f.bearers++
	if f.bearers > 1 || bytes.IndexByte(value, ',') >= 0 {
		f.ambiguous = true
		return
	}
	end := 0
	for end < len(value) && !isBlank(value[end]) {
		end++
	}
	if equalFold(value[:end], "bearer") {
		f.credential(value[end:], Credential{Header: name})
	}
}

// query reads the raw query. The name has to stand there once and plainly: a
// percent-encoded spelling is the same parameter to the upstream, but Envoy
// would not find it to remove it. ";" separates nothing, as in the WHATWG URL
// standard.
func (f *finding) query(path []byte, parameter string) {
	path, _, _ = cutByte(path, '#')
	_, query, _ := cutByte(path, '?')
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = cutByte(query, '&')
		name, value, _ := cutByte(pair, '=')
		if !spells(name, parameter) {
			continue
		}
		f.parameters++
		if f.parameters > 1 || string(name) != parameter {
			f.ambiguous = true
		}
		f.credential(value, Credential{Query: name})
	}
}

// spells reports whether the raw name is the parameter once it is decoded.
func spells(raw []byte, parameter string) bool {
	for i := range len(parameter) {
		b, size := route.Unescape(raw)
		if size == 0 || b != parameter[i] {
			return false
		}
		raw = raw[size:]
	}
	return len(raw) == 0
}
