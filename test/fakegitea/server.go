package fakegitea

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The administrator that a server has from the start.
const (
	Admin    = "root"
	Password = "a password of a test"
)

// User is somebody on the server.
type User struct {
	ID       int64
	Login    string
	Password string
	Admin    bool
	Org      bool   // an organisation
	Blocked  string // "": may sign in; else the message that says why not
	OTP      string // a second factor: the code of the moment
}

// Token is an access token on the server.
type Token struct {
	ID      int64
	UserID  int64
	Name    string
	Secret  string
	Scopes  []string
	Created time.Time
	Used    time.Time
}

// Server is a running fake.
type Server struct {
	URL string

	http *httptest.Server

	mu      sync.Mutex
	version string
	modern  bool // 1.27 or later
	users   []User
	tokens  []Token
	ids     int64
	calls   []string
	// before may answer in the place of the server, and says so; after is
	// called when the server has done its work, and may drop the answer.
	before, after func(http.ResponseWriter, *http.Request) bool
}

// New starts a server of a version such as 1.26.0.
func New(tb testing.TB, version string) *Server {
	tb.Helper()
	s := &Server{version: version, ids: 100}
	_, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	n, err := strconv.Atoi(minor)
	s.modern = err == nil && n >= 27
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	tb.Cleanup(s.http.Close)
	s.URL = s.http.URL
	s.AddUser(User{Login: Admin, Password: Password, Admin: true})
	return s
}

// AddUser adds somebody.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids++
	u.ID = s.ids
	s.users = append(s.users, u)
	return u
}

// SetUser changes somebody.
func (s *Server) SetUser(login string, change func(*User)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.users {
		if s.users[i].Login == login {
			change(&s.users[i])
		}
	}
}

// AddToken adds a token as if somebody had made it on the server.
func (s *Server) AddToken(login, name string, scopes ...string) Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, _ := s.user(login)
	return s.addToken(u, name, scopes)
}

// SetTokens changes all tokens; what the function answers stays.
func (s *Server) SetTokens(change func([]Token) []Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = change(slices.Clone(s.tokens))
}

// Tokens are all tokens of a user, the oldest first.
func (s *Server) Tokens(login string) []Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, _ := s.user(login)
	return slices.DeleteFunc(slices.Clone(s.tokens), func(t Token) bool { return t.UserID != u.ID })
}

// SetVersion makes it another version: an upgrade.
func (s *Server) SetVersion(version string, modern bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version, s.modern = version, modern
}

// Before has a function asked at each call whether it answers in the place of
// the server; nil ends that.
func (s *Server) Before(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// After has a function called when a call was carried out; when it answers
// true the answer is lost.
func (s *Server) After(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = f
}

// Calls are the calls so far, "METHOD path".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *Server) user(login string) (User, bool) {
	for _, u := range s.users {
		if strings.EqualFold(u.Login, login) {
			return u, true
		}
	}
	return User{}, false
}

func (s *Server) userID(id int64) User {
	for _, u := range s.users {
		if u.ID == id {
			return u
		}
	}
	return User{}
}

func (s *Server) addToken(u User, name string, scopes []string) Token {
	var raw [20]byte
	_, _ = rand.Read(raw[:]) // never fails, by its documentation
	s.ids++
	now := time.Now().UTC().Truncate(time.Second)
	t := Token{ID: s.ids, UserID: u.ID, Name: name, Secret: hex.EncodeToString(raw[:]), Scopes: normal(scopes), Created: now, Used: now}
	s.tokens = append(s.tokens, t)
	return t
}

// answer collects what a handler says, so that it can be lost.
type answer struct {
	status int
	total  int // X-Total-Count; -1 for none
	body   any // nil for none; a string is plain text
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before := s.before
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	s.mu.Lock()
	a, after := s.handle(r), s.after
	s.mu.Unlock()
	if after != nil && after(w, r) {
		panic(http.ErrAbortHandler)
	}
	text, isText := a.body.(string)
	switch {
	case isText:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	case a.body != nil:
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
	}
	if a.total >= 0 {
		w.Header().Set("X-Total-Count", strconv.Itoa(a.total))
	}
	w.WriteHeader(a.status)
	if isText {
		_, _ = w.Write([]byte(text))
	} else if a.body != nil {
		_ = json.NewEncoder(w).Encode(a.body)
	}
}

func said(status int, body any) answer { return answer{status: status, total: -1, body: body} }

func (s *Server) refused(status int, message string) answer {
	body := map[string]any{"message": message, "url": s.http.URL + "/api/swagger"}
	if status == http.StatusNotFound && !s.modern {
		body["errors"] = nil
	}
	return said(status, body)
}

func noPage() answer { return said(http.StatusNotFound, "404 page not found\n") }
