package extauthz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"credence/extauthz/pipeline"
)

// maxValue caps the value of an identity header and of a metadata field.
const maxValue = 256

// Identity names the headers that tell the upstream who is calling.
type Identity struct {
	KeyID     IdentityHeader // x-credence-key-id
	Namespace IdentityHeader // x-credence-namespace
	Owner     IdentityHeader // x-credence-owner
	Type      IdentityHeader // x-credence-type
	Scopes    IdentityHeader // x-credence-scopes, joined with blanks
	Plan      IdentityHeader // x-credence-plan
}

// IdentityHeader is one of them.
type IdentityHeader struct {
	// Name is the header's name in lower case; empty for the default.
	Name string
	// Off leaves the header out. It is still removed from requests, so that
	// nobody can forge it toward an upstream that reads it all the same.
	Off bool
}

// identity writes the headers. On every allow, each name is either
// overwritten or removed: what a client sent never reaches the upstream.
type identity struct {
	headers   []identityHeader
	removeAll []byte // all of them, encoded
	// always are names that Envoy itself would add and a client can forge.
	always []byte
	owned  []string // all of the above, for finding aliases
}

type identityHeader struct {
	name   string
	off    bool
	remove []byte // encoded entry of headers_to_remove
	value  func(*pipeline.Key) string
	list   bool // words, that can be cut between two
}

func newIdentity(o Identity) (*identity, error) {
	id := &identity{}
	for _, f := range []struct {
		option   string
		header   IdentityHeader
		fallback string
		value    func(*pipeline.Key) string
	}{
		{"KeyID", o.KeyID, "x-credence-key-id", func(k *pipeline.Key) string { return k.KeyID }},
		{"Namespace", o.Namespace, "x-credence-namespace", func(k *pipeline.Key) string { return k.Namespace }},
		{"Owner", o.Owner, "x-credence-owner", func(k *pipeline.Key) string { return k.Owner }},
		{"Type", o.Type, "x-credence-type", func(k *pipeline.Key) string { return k.KeyType.String() }},
		{"Scopes", o.Scopes, "x-credence-scopes", func(k *pipeline.Key) string { return k.Scopes }},
		{"Plan", o.Plan, "x-credence-plan", func(k *pipeline.Key) string { return k.Plan }},
	} {
		name := f.header.Name
		if name == "" {
			name = f.fallback
		}
		if err := id.own(name); err != nil {
			return nil, fmt.Errorf("option Answer.Identity.%s: %q: %w", f.option, name, err)
		}
		id.headers = append(id.headers, identityHeader{
			name: name, off: f.header.Off, remove: appendField(nil, tagOKRemove, name),
			value: f.value, list: f.option == "Scopes",
		})
		id.removeAll = appendField(id.removeAll, tagOKRemove, name)
	}
	for _, name := range []string{"x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"} {
		id.always = appendField(id.always, tagOKRemove, name)
		id.owned = append(id.owned, name)
	}
	return id, nil
}

// own refuses names that mean something to HTTP, to Envoy or to gRPC, and
// those that another spelling could collide with.
func (id *identity) own(name string) error {
	switch {
	case !isHeaderName(name):
		return errors.New("not a safe header name: use 1 to 64 lower-case letters, digits and dashes")
	case isReserved(name):
		return errors.New("the name is reserved: choose one such as x-credence-owner")
	case slices.Contains(id.owned, name):
		return errors.New("the name is used twice: give each header its own")
	}
	id.owned = append(id.owned, name)
	return nil
}

// append appends headers and headers_to_remove of an OkHttpResponse. A nil key
// removes all. Never is an empty value set: Envoy's versions disagree on what
// that does.
func (id *identity) append(b []byte, key *pipeline.Key, sent []pipeline.Field) []byte {
	switch {
	case key == nil:
		b = append(b, id.removeAll...)
	case key.Encoded():
		b = append(b, key.EncodedIdentity()...)
	default:
		b = id.appendKey(b, key)
	}
	b = append(b, id.always...)
	return id.appendAliases(b, sent)
}

// appendKey sets the headers of the key, and removes those it has no value for.
func (id *identity) appendKey(b []byte, key *pipeline.Key) []byte {
	for i := range id.headers {
		b = id.headers[i].append(b, key)
	}
	return b
}

// appendAliases removes headers whose names become an owned one when a
// gateway interface maps _ or . to -, as CGI and WSGI do.
func (id *identity) appendAliases(b []byte, sent []pipeline.Field) []byte {
	for i := range sent {
		if name := sent[i].Name; id.alias(name) && !named(sent[:i], name) {
			b = appendField(b, tagOKRemove, name)
		}
	}
	return b
}

func (id *identity) alias(name []byte) bool {
	special := false
	for _, c := range name {
		if c == '_' || c == '.' {
			special = true
			break
		}
	}
	if !special {
		return false
	}
	for _, owned := range id.owned {
		if sameDashed(name, owned) {
			return true
		}
	}
	return false
}

// sameDashed compares with _ and . read as -.
func sameDashed(name []byte, owned string) bool {
	if len(name) != len(owned) {
		return false
	}
	for i, c := range name {
		if c == '_' || c == '.' {
			c = '-'
		}
		if c != owned[i] {
			return false
		}
	}
	return true
}

func named(fields []pipeline.Field, name []byte) bool {
	for i := range fields {
		if string(fields[i].Name) == string(name) {
			return true
		}
	}
	return false
}

// append sets the header, or removes it when there is nothing to say.
func (h *identityHeader) append(b []byte, key *pipeline.Key) []byte {
	if h.off {
		return append(b, h.remove...)
	}
	before := len(b)
	b, option := open(b, tagOKHeaders)
	b, header := open(b, tagOptionHeader)
	b = appendField(b, tagHeaderKey, h.name)
	b, value := open(b, tagHeaderValue)
	b = appendClean(b, h.value(key), h.list)
	if len(b) == value {
		return append(b[:before], h.remove...)
	}
	b = shut(b, value)
	b = shut(b, header)
	return shut(appendOverwrite(b), option)
}

// appendClean appends the text as visible ASCII with single inner blanks left
// as they are; every other byte, and the percent sign, is percent-encoded. A
// text that gets longer than maxValue is not appended at all, because a piece
// of a name is another name; a list of words loses its last words instead.
func appendClean(b []byte, text string, list bool) []byte {
	const hex = "0123456789ABCDEF"
	start, word := len(b), len(b)
	text = strings.Trim(text, " ")
	for i := range len(text) {
		c := text[i]
		if c == ' ' {
			word = len(b)
		}
		if c < ' ' || c >= 0x7f || c == '%' {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
		if len(b)-start > maxValue {
			if list {
				return b[:word]
			}
			return b[:start]
		}
	}
	return b
}

// visible reports whether the bytes are visible ASCII.
func visible(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// printable reports whether the text is visible ASCII and blanks.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// isHeaderName reports whether the name is safe to own. Underscores and dots
// are left out: they are how others spell a dash.
func isHeaderName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 64
}

// isReserved reports whether setting the header would change more than the
// upstream's view of the caller.
func isReserved(name string) bool {
	for _, prefix := range []string{"grpc-", "x-envoy-", "x-forwarded-", "proxy-", "content-", "sec-", "access-control-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "host", "connection", "te", "trailer", "transfer-encoding", "upgrade", "keep-alive", "expect", "date",
		"server", "via", "forwarded", "authorization", "cookie", "set-cookie", "x-request-id", "x-api-key",
		"accept", "origin", "range", "user-agent", "http2-settings", "traceparent", "tracestate":
		return true
	}
	return false
}
