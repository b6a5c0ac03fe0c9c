package management

import (
	"slices"
	"strings"

	"credence/management/gitea"
	"credence/store"
)

// giteaLogin checks for whom a token is to be, against the connection.
func (p *problems) giteaLogin(c *store.Connection, login string) {
	if login == "" || !gitea.Allows(c.Logins, login) {
		p.add("login", quoted(login)+" is none of the users of the connection", "use one of "+strings.Join(c.Logins, ", "))
	}
}

// giteaScopes checks the scopes of a token against the widest of the
// connection.
func (p *problems) giteaScopes(c *store.Connection, scopes []string) []string {
	const field = "scopes"
	own := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == gitea.ScopePublicOnly })
	if len(own) == 0 {
		p.add(field, "names nothing that the token may do", "name at least one, such as read:repository")
	}
	for i, s := range scopes {
		switch {
		case !gitea.Known(s):
			p.add(at(field, i), quoted(s)+" is no scope of Gitea", "use some of "+strings.Join(gitea.Scopes(), ", "))
		case strings.HasSuffix(s, ":admin"):
			p.add(at(field, i), quoted(s)+" is of use to site administrators only", "leave it out")
		case !gitea.Covers(c.Scopes, s):
			p.add(at(field, i), quoted(s)+" is wider than the connection may give", "stay within "+strings.Join(c.Scopes, ", "))
		}
	}
	if len(p.fields) == 0 && !gitea.Within(c.Scopes, scopes) {
		p.add(field, "lack "+gitea.ScopePublicOnly, "add it: the connection gives no others")
	}
	return gitea.Canonical(scopes)
}
