package management

import (
	"fmt"
	"slices"
	"strings"

	"credence/management/n8n"
	"credence/store"
)

// The bounds of keys of n8n.
const (
	maxN8NName   = maxGiteaName // a label has at most 50 characters, as a name there
	maxN8NScopes = 300
)

// n8nName checks the part of the name that people choose. The rule is one for all
// programs.
func (p *problems) n8nName(value string) string {
	remedy := fmt.Sprintf("use 1 to %d of A-Z a-z 0-9 . _ -, beginning with a letter", maxN8NName)
	ok := value != "" && len(value) <= maxN8NName && (value[0] >= 'a' && value[0] <= 'z' || value[0] >= 'A' && value[0] <= 'Z')
	for i := range len(value) {
		ok = ok && (alphanumeric(value[i]) || strings.IndexByte("._-", value[i]) >= 0)
	}
	if !ok {
		p.add("name", quoted(value)+" is no name of a key", remedy)
	}
	return value
}

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
