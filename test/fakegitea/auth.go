package fakegitea

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const wrongCredential = "invalid username, password or token"

// caller is who asks.
type caller struct {
	user   User
	known  bool // somebody
	basic  bool
	byName bool // by password, which nothing limits
	token  Token
}

// who judges the credentials of a call. A refusal is answered at once.
func (s *Server) who(r *http.Request) (c caller, refusal *answer) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return caller{}, nil
	}
	wrong := s.refused(http.StatusUnauthorized, wrongCredential)
	if name, password, ok := r.BasicAuth(); ok {
		c.basic = true
		for _, candidate := range []string{password, name} { // a token decides by itself
			if t, found := s.use(candidate); found {
				c.token, c.user, c.known = t, s.userID(t.UserID), true
				return c, s.blocked(c.user)
			}
		}
		u, found := s.user(name)
		if !found || u.Org || u.Password != password || u.OTP != "" && r.Header.Get("X-Gitea-OTP") != u.OTP {
			return c, &wrong
		}
		c.user, c.known, c.byName = u, true, true
		return c, s.blocked(u)
	}
	scheme, secret, _ := strings.Cut(header, " ")
	t, found := s.use(secret)
	if !found || !strings.EqualFold(scheme, "token") && !strings.EqualFold(scheme, "bearer") {
		return c, &wrong
	}
	c.token, c.user, c.known = t, s.userID(t.UserID), true
	return c, s.blocked(c.user)
}

func (s *Server) blocked(u User) *answer {
	if u.Blocked == "" {
		return nil
	}
	a := s.refused(http.StatusForbidden, u.Blocked)
	return &a
}

// use finds a token, and notes that it was used.
func (s *Server) use(secret string) (Token, bool) {
	for i := range s.tokens {
		if secret != "" && s.tokens[i].Secret == secret {
			s.tokens[i].Used = time.Now().UTC().Truncate(time.Second)
			return s.tokens[i], true
		}
	}
	return Token{}, false
}

// needs answers a refusal when the token of the caller lacks the scope.
func (s *Server) needs(c caller, scope string) *answer {
	if c.byName || covers(c.token.Scopes, scope) {
		return nil
	}
	a := s.refused(http.StatusForbidden, "token does not have at least one of required scope(s), required=["+scope+"], token scope="+strings.Join(c.token.Scopes, ","))
	return &a
}

func covers(scopes []string, scope string) bool {
	category := strings.TrimPrefix(scope, "read:")
	return slices.Contains(scopes, "all") || slices.Contains(scopes, scope) || slices.Contains(scopes, "write:"+category)
}

var categories = []string{"activitypub", "admin", "issue", "misc", "notification", "organization", "package", "repository", "user"} //nolint:gochecknoglobals // never changed

func knownScope(scope string) bool {
	kind, category, pair := strings.Cut(scope, ":")
	return scope == "all" || scope == "public-only" || pair && (kind == "read" || kind == "write") && slices.Contains(categories, category)
}

// normal is what the server makes of scopes.
func normal(scopes []string) []string {
	has := func(s string) bool { return slices.Contains(scopes, s) }
	all := has("all") || !slices.ContainsFunc(categories, func(c string) bool { return !has("write:" + c) })
	out := []string{}
	if all {
		out = append(out, "all")
	}
	if has("public-only") {
		out = append(out, "public-only")
	}
	for _, kind := range []string{"write:", "read:"} {
		for _, c := range categories {
			if !all && has(kind+c) && (kind == "write:" || !has("write:"+c)) {
				out = append(out, kind+c)
			}
		}
	}
	return out
}
