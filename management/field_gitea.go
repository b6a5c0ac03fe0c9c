package management

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"credence/management/gitea"
	"credence/store"
)

// The bounds of tokens of Gitea users.
const (
	giteaSuffix     = 12 // hexadecimal digits behind the name: nobody guesses it
	maxGiteaName    = 50 - giteaSuffix - 1
	maxGiteaOverlap = 30 * 24 * time.Hour
	giteaOverlap    = 24 * time.Hour // unless said otherwise
)

// giteaName checks the part of the name that people choose. Gitea reads a name
// that looks like a number as an id, so it begins with a letter.
func (p *problems) giteaName(value string) string {
	remedy := fmt.Sprintf("use 1 to %d of A-Z a-z 0-9 . _ -, beginning with a letter", maxGiteaName)
	ok := value != "" && len(value) <= maxGiteaName && (value[0] >= 'a' && value[0] <= 'z' || value[0] >= 'A' && value[0] <= 'Z')
	for i := range len(value) {
		ok = ok && (alphanumeric(value[i]) || strings.IndexByte("._-", value[i]) >= 0)
	}
	if !ok {
		p.add("name", quoted(value)+" is no name of a token", remedy)
	}
	return value
}

// suffixed is the name with what nobody can guess: a token of that name is
// ours, whatever happened when it was made.
func suffixed(name string, random io.Reader) (string, error) {
	var raw [giteaSuffix / 2]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("name of a token: %w", err)
	}
	return name + "-" + hex.EncodeToString(raw[:]), nil
}

// giteaBase is the name without its suffix.
func giteaBase(name string) string {
	if cut := len(name) - giteaSuffix - 1; cut > 0 && name[cut] == '-' {
		name = name[:cut]
	}
	return name[:min(len(name), maxGiteaName)]
}

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

// overlap checks how long a token lives beside its successor.
func (p *problems) overlap(value string) time.Duration {
	if value == "" {
		return giteaOverlap
	}
	return p.span("overlap", value, 0, maxGiteaOverlap)
}
