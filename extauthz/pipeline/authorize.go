package pipeline

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"

	"credence/store/route"
)

// authorize asks whether the key may be used here: by what the route demands,
// and by what the key itself is bound to.
func (p *Pipeline) authorize(c *check) Reason {
	key := c.d.Key
	if !c.route.allowsNamespace(key.Namespace) {
		return ReasonNamespaceNotAllowed
	}
	if reason := p.blacklisted(c, key.Namespace); reason != ReasonNone {
		return reason
	}
	bounds := key.Bounds
	if bounds != nil && !allowsClient(bounds.Networks, c.d.Client) {
		return ReasonNetworkNotAllowed
	}
	if !c.route.allowsEnvironment(key.Environment) {
		return ReasonRouteNotAllowed
	}
	if bounds != nil && !bounds.allowRoute(c.r) {
		return ReasonRouteNotAllowed
	}
	if missing := c.route.missingScope(key.Scopes); missing != nil {
		c.d.MissingScope = missing
		return ReasonScopeMissing
	}
	return ReasonNone
}

// allowsClient reports whether one of the networks holds the client. A client
// without an address is in none.
func allowsClient(networks []netip.Prefix, client netip.Addr) bool {
	return len(networks) == 0 || containsAddress(networks, client)
}

// allowRoute reports whether the bounds admit the request. What a key does not
// mention does not bind it.
func (b *Bounds) allowRoute(r *Request) bool {
	return (len(b.Hosts) == 0 || allowsHost(b.Hosts, r.Host)) &&
		(len(b.Methods) == 0 || slices.ContainsFunc(b.Methods, func(m string) bool { return m == string(r.Method) })) &&
		(len(b.Paths) == 0 || allowsPath(b.Paths, r.Path))
}

// allowsHost compares the host without its port, letter case aside. Two Host
// lines arrive as "a,b", so what is no host at all is not compared.
func allowsHost(rules []string, authority []byte) bool {
	host, ok := cutPort(authority)
	if !ok || len(host) == 0 || bytes.ContainsFunc(host, notInHost) {
		return false
	}
	for _, rule := range rules {
		suffix, wild := strings.CutPrefix(rule, "*")
		if wild && len(host) > len(suffix) && equalFold(host[len(host)-len(suffix):], suffix) ||
			!wild && equalFold(host, rule) {
			return true
		}
	}
	return false
}

func notInHost(r rune) bool {
	return r >= 0x80 || !isAlphanumeric(byte(r)) && r != '-' && r != '.' && r != '_'
}

// allowsPath compares the path without its query with the rules, all of them
// strict: "/a/b" is that path, "/a/*" everything below "/a/". A path that the
// upstream might read differently matches no rule.
func allowsPath(rules []string, path []byte) bool {
	path = route.WithoutQuery(path)
	if !route.PlainPath(path) {
		return false
	}
	for _, rule := range rules {
		prefix, wild := strings.CutSuffix(rule, "*")
		if wild && len(path) >= len(prefix) && string(path[:len(prefix)]) == prefix || !wild && string(path) == rule {
			return true
		}
	}
	return false
}

// holdsScope reports whether one of the held scopes (joined with a space) covers the demanded one:
// by being it, or by being "prefix:*" where it begins with "prefix:".
func holdsScope(held string, demanded []byte) bool {
	for more := held != ""; more; {
		var scope string
		scope, held, more = strings.Cut(held, " ")
		if scope == string(demanded) {
			return true
		}
		prefix, wild := strings.CutSuffix(scope, "*")
		if wild && strings.HasSuffix(prefix, ":") && len(demanded) > len(prefix) &&
			string(demanded[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
