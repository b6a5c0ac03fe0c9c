package management

import (
	"slices"
	"strings"

	"credence/management/n8n"
	"credence/store"
)

// maxN8NScopes bounds the scopes of one key.
const maxN8NScopes = 300

// n8nScopes checks the scopes of a key against the widest of the connection.
func (p *problems) n8nScopes(c *store.Connection, scopes []string) []string {
	const field = "scopes"
	if len(scopes) == 0 {
		p.add(field, "names nothing that the key may do", "name at least one, such as workflow:read")
	}
	for i, s := range atMost(p, field, scopes, maxN8NScopes) {
		switch {
		case !n8n.IsScope(s):
			p.add(at(field, i), quoted(s)+" is no scope of n8n", "write it as workflow:read")
		case !slices.Contains(c.Scopes, s):
			p.add(at(field, i), quoted(s)+" is wider than the connection may give", "stay within "+strings.Join(c.Scopes, ", "))
		}
	}
	return n8n.Normalize(scopes)
}
