package management

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of what a key may carry. They keep a key record, and the headers
// made of it, small enough for the request path.
const (
	maxScopes      = 64
	maxScope       = 128
	maxHosts       = 64
	maxHost        = 253 // RFC 1035, 2.3.4
	maxMethods     = 32
	maxMethod      = 32
	maxPaths       = 64
	maxPath        = 512
	maxLabels      = 32
	maxLabelName   = 63
	maxLabelValue  = 256
	maxIdempotency = 128
)

// each checks every element of a list, notes repetitions, and answers the
// list, nil when it is empty.
func (p *problems) each(field string, values []string, most int, check func(field, value string)) []string {
	values = atMost(p, field, values, most)
	for i, value := range values {
		if value == "" {
			p.add(at(field, i), "is empty", "leave it out")
			continue
		}
		check(at(field, i), value)
	}
	p.unique(field, values)
	if len(values) == 0 {
		return nil
	}
	return slices.Clone(values)
}

// scopes stand joined by blanks in a header, and in lists of routes joined by
// commas; so they hold neither.
func (p *problems) scopes(values []string) []string {
	return p.each("scopes", values, maxScopes, func(field, value string) {
		switch {
		case len(value) > maxScope:
			p.add(field, fmt.Sprintf("is %d characters long", len(value)), fmt.Sprintf("at most %d are allowed", maxScope))
		case !visible(value) || strings.ContainsAny(value, `,"'`):
			p.add(field, quoted(value)+" is no scope", `use visible ASCII without blank, comma and quote, like "orders:read"`)
		}
	})
}

func (p *problems) methods(values []string) []string {
	return p.each("methods", values, maxMethods, func(field, value string) {
		switch {
		case len(value) > maxMethod || !token(value):
			p.add(field, quoted(value)+" is no method", `use an HTTP method like "GET"`)
		case strings.ToUpper(value) != value:
			p.add(field, quoted(value)+" is not upper-case; methods are compared exactly", "write "+quoted(strings.ToUpper(value)))
		}
	})
}

// token is the token of RFC 9110, 5.6.2.
func token(value string) bool {
	for i := range len(value) {
		if !alphanumeric(value[i]) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(value[i])) {
			return false
		}
	}
	return value != ""
}

// hosts are compared in lower case, without port, exactly or, behind "*.", by
// their end.
func (p *problems) hosts(values []string) []string {
	lower := make([]string, len(values))
	for i, value := range values {
		lower[i] = strings.ToLower(value)
	}
	return p.each("hosts", lower, maxHosts, func(field, value string) {
		if len(value) > maxHost || !hostName(strings.TrimPrefix(value, "*.")) {
			p.add(field, quoted(value)+" is no host", `write "api.example.com" or "*.example.com", without scheme, port and path`)
		}
	})
}

func hostName(value string) bool {
	for label := range strings.SplitSeq(value, ".") {
		if label == "" || len(label) > maxNamespace || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !alphanumeric(label[i]) && label[i] != '-' && label[i] != '_' {
				return false
			}
		}
	}
	return true
}

// paths are strict: what two readers could read in two ways (escapes, dot
// segments, parameters, doubled slashes) is refused here and never matches at
// request time, so nobody has to guess.
func (p *problems) paths(values []string) []string {
	return p.each("paths", values, maxPaths, func(field, value string) {
		prefix, _ := strings.CutSuffix(value, "/*")
		switch {
		case len(value) > maxPath:
			p.add(field, fmt.Sprintf("is %d characters long", len(value)), fmt.Sprintf("at most %d are allowed", maxPath))
		case value[0] != '/':
			p.add(field, quoted(value)+" does not begin with a slash", "write "+quoted("/"+value))
		case !visible(value) || strings.ContainsAny(value, `%;?#\`):
			p.add(field, quoted(value)+" holds an escape, a parameter or a query", "write the plain path in visible ASCII")
		case strings.Contains(prefix, "*"):
			p.add(field, quoted(value)+" has a star inside", `only a last segment may be "*", like "/orders/*"`)
		case dotted(value):
			p.add(field, quoted(value)+" has an empty or dot segment", "write it as the upstream sees it")
		}
	})
}

// dotted reports segments that a proxy may remove: "", "." and "..". The last
// one may be empty, since "/a" and "/a/" are two paths.
func dotted(path string) bool {
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		if segment == "." || segment == ".." || segment == "" && i < len(segments)-1 {
			return true
		}
	}
	return false
}

func (p *problems) labels(values map[string]string) map[string]string {
	if len(values) == 0 {
		return nil
	}
	if len(values) > maxLabels {
		p.add("labels", fmt.Sprintf("has %d elements", len(values)), fmt.Sprintf("at most %d are allowed", maxLabels))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := "labels[" + quoted(name) + "]"
		if !labelName(name) {
			p.add(field, "has a name that is none", "use 1 to 63 of A-Z a-z 0-9 . _ - /, beginning with a letter or digit")
			continue
		}
		p.text(field, values[name], 0, maxLabelValue)
	}
	return maps.Clone(values)
}

func labelName(name string) bool {
	if name == "" || len(name) > maxLabelName || !alphanumeric(name[0]) {
		return false
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && !strings.ContainsRune("._-/", rune(name[i])) {
			return false
		}
	}
	return true
}
