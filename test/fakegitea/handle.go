package fakegitea

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultPage = 30
	longestPage = 50
)

// handle is the API. Its caller holds the lock.
func (s *Server) handle(r *http.Request) answer {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/v1/")
	if !ok {
		return noPage()
	}
	c, refusal := s.who(r)
	if refusal != nil {
		return *refusal
	}
	parts := strings.Split(path, "/")
	switch {
	case path == "version":
		return said(http.StatusOK, map[string]string{"version": s.version})
	case path == "user" && r.Method == http.MethodGet:
		return s.self(c)
	case path == "token" && s.modern:
		return s.ownToken(r, c)
	case path == "admin/users" && r.Method == http.MethodPost:
		return s.makeUser(r, c)
	case path == "users/search":
		return s.search(r, c)
	case len(parts) == 2 && parts[0] == "users":
		return s.show(c, parts[1])
	case len(parts) >= 3 && parts[0] == "users" && parts[2] == "tokens":
		return s.userTokens(r, c, parts[1], parts[3:])
	}
	return noPage()
}

func (s *Server) wire(u User, by caller) map[string]any {
	return map[string]any{"id": u.ID, "login": u.Login, "is_admin": u.Admin && (by.user.Admin || by.user.ID == u.ID)}
}

func (s *Server) self(c caller) answer {
	if !c.known {
		return s.refused(http.StatusUnauthorized, "token is required")
	}
	if refusal := s.needs(c, "read:user"); refusal != nil {
		return *refusal
	}
	return said(http.StatusOK, s.wire(c.user, c))
}

func (s *Server) ownToken(r *http.Request, c caller) answer {
	switch {
	case !c.known:
		return s.refused(http.StatusUnauthorized, "token is required")
	case c.token.ID == 0 || c.basic:
		return s.refused(http.StatusNotFound, "invalid access token")
	case r.Method == http.MethodDelete:
		s.remove(c.token.ID)
		return said(http.StatusNoContent, nil)
	}
	body := wireToken(c.token)
	delete(body, "sha1")
	delete(body, "token_last_eight")
	body["user"] = map[string]any{"id": c.user.ID, "login": c.user.Login}
	return said(http.StatusOK, body)
}

func (s *Server) makeUser(r *http.Request, c caller) answer {
	if !c.user.Admin {
		return s.refused(http.StatusForbidden, "user should be the site admin")
	}
	var in struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.Username == "" {
		return s.refused(http.StatusUnprocessableEntity, "[Username]: Required")
	}
	if _, there := s.user(in.Username); there {
		return s.refused(http.StatusUnprocessableEntity, "user already exists [name: "+in.Username+"]")
	}
	s.ids++
	u := User{ID: s.ids, Login: in.Username, Password: in.Password}
	s.users = append(s.users, u)
	return said(http.StatusCreated, s.wire(u, c))
}

func (s *Server) search(r *http.Request, c caller) answer {
	id, _ := strconv.ParseInt(r.URL.Query().Get("uid"), 10, 64)
	found := []any{}
	if u := s.userID(id); u.ID != 0 && !u.Org {
		found = append(found, s.wire(u, c))
	}
	return answer{http.StatusOK, len(found), map[string]any{"ok": true, "data": found}}
}

func (s *Server) show(c caller, login string) answer {
	u, found := s.user(login)
	if !found {
		return s.refused(http.StatusNotFound, "user redirect does not exist [name: "+login+"]")
	}
	return said(http.StatusOK, s.wire(u, c))
}

func (s *Server) userTokens(r *http.Request, c caller, login string, rest []string) answer {
	u, found := s.user(login)
	if !found {
		return s.refused(http.StatusNotFound, "user redirect does not exist [name: "+login+"]")
	}
	if sudo := r.Header.Get("Sudo"); sudo != "" {
		if !c.user.Admin {
			return said(http.StatusForbidden, map[string]any{"message": "Only administrators allowed to sudo."})
		}
		c.user, _ = s.user(sudo)
	}
	need := "write:user"
	if r.Method == http.MethodGet {
		need = "read:user"
	}
	switch {
	case c.known && !c.basic:
		return s.refused(http.StatusUnauthorized, "auth required")
	case c.user.ID != u.ID && !c.user.Admin, !c.known:
		return s.refused(http.StatusForbidden, "doer should be the site admin or be same as the contextUser")
	}
	if refusal := s.needs(c, need); refusal != nil {
		return *refusal
	}
	switch {
	case r.Method == http.MethodPost && len(rest) == 0:
		return s.create(r, c, u)
	case r.Method == http.MethodGet && len(rest) == 0:
		return s.list(r, u)
	case r.Method == http.MethodDelete && len(rest) == 1:
		return s.delete(u, rest[0])
	}
	return noPage()
}

func (s *Server) create(r *http.Request, c caller, u User) answer {
	var in struct {
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		return s.refused(http.StatusUnprocessableEntity, "[]: unexpected EOF")
	}
	if in.Name == "" {
		return s.refused(http.StatusUnprocessableEntity, "[Name]: Required")
	}
	for _, t := range s.tokens {
		if t.UserID == u.ID && t.Name == in.Name {
			return s.refused(http.StatusBadRequest, "access token name has been used already")
		}
	}
	for _, scope := range in.Scopes {
		if !knownScope(scope) {
			return s.refused(http.StatusBadRequest, "invalid access token scope provided: invalid access token scope: "+scope)
		}
		if s.modern && !c.byName && !covers(c.token.Scopes, scope) && scope != "public-only" {
			return s.refused(http.StatusForbidden, "cannot create an access token with a broader scope than the authenticating token")
		}
	}
	if len(in.Scopes) == 0 {
		return s.refused(http.StatusBadRequest, "access token must have a scope")
	}
	t := s.addToken(u, in.Name, in.Scopes)
	body := wireToken(t)
	body["sha1"], body["created_at"], body["last_used_at"] = t.Secret, time.Time{}, time.Time{}
	return said(http.StatusCreated, body)
}

func (s *Server) list(r *http.Request, u User) answer {
	var mine []Token
	for _, t := range s.tokens {
		if t.UserID == u.ID {
			mine = append(mine, t)
		}
	}
	slices.Reverse(mine)
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	size, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || size < 1 {
		size = defaultPage
	}
	size = min(size, longestPage)
	from := min((max(page, 1)-1)*size, len(mine))
	out := []any{}
	for _, t := range mine[from:min(from+size, len(mine))] {
		out = append(out, wireToken(t))
	}
	return answer{http.StatusOK, len(mine), out}
}

// delete takes the name of a token, too, and first tries to read it as an
// integer of the Go language.
func (s *Server) delete(u User, what string) answer {
	gone := "not found"
	if s.modern {
		gone = "access token not found"
	}
	id, err := strconv.ParseInt(what, 0, 64)
	for _, t := range s.tokens {
		if t.UserID == u.ID && (err == nil && t.ID == id || err != nil && t.Name == what) {
			s.remove(t.ID)
			return said(http.StatusNoContent, nil)
		}
	}
	return s.refused(http.StatusNotFound, gone)
}

func (s *Server) remove(id int64) {
	s.tokens = slices.DeleteFunc(s.tokens, func(t Token) bool { return t.ID == id })
}

func wireToken(t Token) map[string]any {
	return map[string]any{
		"id": t.ID, "name": t.Name, "sha1": "", "token_last_eight": t.Secret[len(t.Secret)-8:], "scopes": t.Scopes,
		"created_at": t.Created, "last_used_at": t.Used,
	}
}
