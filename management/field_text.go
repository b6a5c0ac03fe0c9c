package management

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"credence/store"
	"credence/store/credential"
)

// Bounds of texts, in characters.
const (
	maxName        = 128
	maxDescription = 1024
	maxReason      = 256
	maxContact     = 256
	maxSlug        = 128
	maxNamespace   = 63
)

// text checks free text: printable characters on one line, no blanks around
// it. Line breaks and control characters would let it forge lines where it is
// shown.
func (p *problems) text(field, value string, least, most int) string {
	switch length := utf8.RuneCountInString(value); {
	case value == "" && least > 0:
		p.add(field, "is missing", fmt.Sprintf("give %d to %d characters", least, most))
	case length > most:
		p.add(field, fmt.Sprintf("is %d characters long", length), fmt.Sprintf("at most %d are allowed", most))
	case !utf8.ValidString(value):
		p.add(field, "is not valid UTF-8", "send UTF-8")
	case strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }):
		p.add(field, "holds a character that cannot be printed", "use printable characters and plain spaces, on one line")
	case strings.TrimSpace(value) != value:
		p.add(field, "begins or ends with a space", "remove it")
	}
	// The API has refused secrets in all that it takes; `tokens bootstrap` and
	// the jobs do not come that way.
	if what := credential.Seen(value); what != "" {
		p.add(field, "holds what looks like "+what, "leave it out, and rotate it: it was seen here")
	}
	return value
}

func (p *problems) name(value string) string { return p.text("name", value, 1, maxName) }

func (p *problems) description(value string) string {
	return p.text("description", value, 0, maxDescription)
}

func (p *problems) contact(value string) string { return p.text("contact", value, 0, maxContact) }

// slug checks the name of an owner or a plan. It stands in paths, in response
// headers and, behind a slash, in the subject of a limit; so it is visible
// ASCII without any separator of those.
func (p *problems) slug(value string) string {
	const remedy = "use 1 to 128 of A-Z a-z 0-9 . _ - @ + :, beginning with a letter or digit"
	switch {
	case value == "":
		p.add("name", "is missing", remedy)
	case len(value) > maxSlug:
		p.add("name", fmt.Sprintf("is %d characters long", len(value)), remedy)
	case !alphanumeric(value[0]):
		p.add("name", "begins with "+quoted(value[:1]), remedy)
	default:
		for i := range len(value) {
			if !alphanumeric(value[i]) && !strings.ContainsRune("._-@+:", rune(value[i])) {
				p.add("name", "holds "+quoted(value[i:i+1]), remedy)
				break
			}
		}
	}
	return value
}

// namespaceName checks the name of a namespace: a DNS label (RFC 1123), so
// that it can be the name of a Kubernetes namespace too.
func (p *problems) namespaceName(value string) string {
	const remedy = "use 1 to 63 of a-z 0-9 -, beginning and ending with a letter or digit"
	ok := value != "" && len(value) <= maxNamespace && value[0] != '-' && value[len(value)-1] != '-'
	for i := range len(value) {
		c := value[i]
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	switch {
	case value == "":
		p.add("name", "is missing", remedy)
	case !ok:
		p.add("name", quoted(value)+" is no name of a namespace", remedy)
	}
	return value
}

func (p *problems) keyType(value string) store.KeyType {
	if value == "" {
		return store.KeyTypeService
	}
	for _, t := range store.KeyTypes() {
		if string(t) == value {
			return t
		}
	}
	p.add("key_type", quoted(value)+" is no key type", "use one of "+listed(store.KeyTypes()))
	return ""
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// visible reports whether all of value is visible ASCII: no blank, no control
// character, nothing that a header could not carry.
func visible(value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] >= 0x7f {
			return false
		}
	}
	return true
}
