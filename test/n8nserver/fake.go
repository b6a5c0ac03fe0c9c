package n8nserver

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The account that every n8n of this package has.
const (
	Email    = "owner@example.test"
	Password = "correct-Horse-7"
)

// The versions that were recorded.
const (
	Old = "1.123.81"
	New = "2.41.1"
)

// OwnerScopes are a few of the hundred that an owner may give.
func OwnerScopes() []string {
	return []string{"credential:create", "tag:list", "tag:read", "workflow:create", "workflow:list", "workflow:read", "user:list"}
}

// Fake is an n8n in this process. Its methods may be called while it answers.
type Fake struct {
	URL string

	version Version
	now     func() time.Time
	ended   chan struct{} // the test is over: whoever hangs may go

	mu       sync.Mutex
	keys     []*fakeKey
	made     int // ids and sessions
	sessions map[string]*fakeSession
	logins   []time.Time // within the last minute
	calls    map[string]int
	password string
	totp     string
	off      bool // API keys are switched off
	starting bool
	next     []interruption
}

type fakeSession struct {
	browser string
	old     bool // in the last quarter of its life
}

// Version is what the behaviour depends on.
type Version struct{ Major, Minor int }

// Before reports whether v is older.
func (v Version) Before(major, minor int) bool {
	return v.Major < major || v.Major == major && v.Minor < minor
}

// versionOf reads "2.41.1".
func versionOf(text string) Version {
	parts := strings.SplitN(text, ".", 3)
	major, err := strconv.Atoi(parts[0])
	minor, wrong := strconv.Atoi(parts[1])
	if err != nil || wrong != nil {
		panic("no version: " + text)
	}
	return Version{major, minor}
}

// NewFake starts one, which ends with the test.
func NewFake(tb testing.TB, version string, now func() time.Time) *Fake {
	tb.Helper()
	f := &Fake{
		version: versionOf(version), now: now, ended: make(chan struct{}), password: Password,
		sessions: map[string]*fakeSession{}, calls: map[string]int{},
	}
	server := httptest.NewServer(f.handler(version))
	tb.Cleanup(func() {
		close(f.ended)
		server.CloseClientConnections()
		server.Close()
	})
	f.URL = server.URL
	return f
}

// Handler is a fake without a server of its own, for those who put it behind
// something.
func (f *Fake) handler(version string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rest/login", f.login)
	mux.HandleFunc("GET /rest/login", f.signed(f.whoami))
	mux.HandleFunc("GET /rest/settings", func(w http.ResponseWriter, r *http.Request) { f.settings(w, r, version) })
	mux.HandleFunc("GET /rest/api-keys/scopes", f.signed(f.keyed(f.scopes)))
	mux.HandleFunc("POST /rest/api-keys", f.signed(f.keyed(f.create)))
	mux.HandleFunc("GET /rest/api-keys", f.signed(f.keyed(f.list)))
	mux.HandleFunc("PATCH /rest/api-keys/{id}", f.signed(f.keyed(f.update)))
	mux.HandleFunc("DELETE /rest/api-keys/{id}", f.signed(f.keyed(f.remove)))
	if !f.version.Before(2, 28) {
		mux.HandleFunc("POST /rest/api-keys/{id}/rotate", f.signed(f.keyed(f.rotate)))
	}
	mux.HandleFunc("/rest/", cannot)
	mux.HandleFunc("/api/v1/", f.public)
	mux.HandleFunc("/", editor)
	outer := http.NewServeMux()
	outer.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, 200, object{"status": "ok"}) })
	outer.HandleFunc("GET /healthz/readiness", f.readiness)
	outer.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.calls[r.Method+" "+r.URL.Path]++
		starting := f.starting
		f.mu.Unlock()
		switch {
		case starting:
			cannot(w, r)
		case !f.interrupted(w, r, mux):
			mux.ServeHTTP(w, r)
		}
	})
	return outer
}

type object map[string]any

// say answers JSON.
func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// page is not for browsers: tests alone ask for it.
func page(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html lang=\"en\"><body><pre>"+body+"</pre></body></html>\n") //nolint:gosec // G705: as recorded
}

// cannot is what Express says of a path that it does not know.
func cannot(w http.ResponseWriter, r *http.Request) {
	page(w, http.StatusNotFound, "Cannot "+r.Method+" "+r.URL.Path)
}

// editor answers every path that nothing else does.
func editor(w http.ResponseWriter, _ *http.Request) {
	page(w, http.StatusOK, "n8n.io - Workflow Automation")
}

func (f *Fake) readiness(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.starting {
		say(w, http.StatusServiceUnavailable, object{"status": "error"})
		return
	}
	say(w, http.StatusOK, object{"status": "ok"})
}

// The knobs.

// Disrupt has the next call of that method and path prefix answered by how.
func (f *Fake) Disrupt(method, path string, how How) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = append(f.next, interruption{method, path, how})
}

// Calm takes all disruptions back.
func (f *Fake) Calm() { f.set(func() { f.next = nil }) }

// Start says whether it is starting: nothing has its route yet.
func (f *Fake) Start(starting bool) { f.set(func() { f.starting = starting }) }

// SwitchOff switches API keys off, or on again.
func (f *Fake) SwitchOff(off bool) { f.set(func() { f.off = off }) }

// EndSessions ends all sessions.
func (f *Fake) EndSessions() { f.set(func() { clear(f.sessions) }) }

// AgeSessions brings all sessions into the last quarter of their life.
func (f *Fake) AgeSessions() {
	f.set(func() {
		for _, s := range f.sessions {
			s.old = true
		}
	})
}

// SetPassword gives the account another password, which ends its sessions.
func (f *Fake) SetPassword(password string) {
	f.set(func() {
		f.password = password
		clear(f.sessions)
	})
}

// SetTOTP has the account ask for a second factor; "" for none.
func (f *Fake) SetTOTP(secret string) {
	f.set(func() {
		f.totp = secret
		clear(f.sessions)
	})
}

// AddKeyOfAnother makes a key that belongs to another person, and answers its
// id.
func (f *Fake) AddKeyOfAnother(label string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.newKey(label, []string{"tag:list"}, 0)
	k.user = "another"
	f.keys = append(f.keys, k)
	return k.id
}

// AddKey makes a key of the account behind everybody's back.
func (f *Fake) AddKey(label string, scopes ...string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.newKey(label, scopes, 0)
	f.keys = append(f.keys, k)
	return k.id
}

// RemoveKey deletes a key behind everybody's back.
func (f *Fake) RemoveKey(id string) { f.set(func() { f.drop(id) }) }

// WidenKey gives a key other scopes behind everybody's back.
func (f *Fake) WidenKey(id string, scopes ...string) {
	f.set(func() {
		if k := f.find(id); k != nil {
			k.scopes = scopes
		}
	})
}

// Labels are those of the account's keys, oldest first.
func (f *Fake) Labels() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, k := range f.keys {
		if k.user == ownerID {
			out = append(out, k.label)
		}
	}
	return out
}

// Calls is how often that was called: "POST /rest/login".
func (f *Fake) Calls(what string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[what]
}

func (f *Fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// How is a way to fail.
type How func(f *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler)

type interruption struct {
	method, path string
	how          How
}

// interrupted reports whether the call was answered by an interruption.
func (f *Fake) interrupted(w http.ResponseWriter, r *http.Request, handler http.Handler) bool {
	f.mu.Lock()
	var how How
	for i, is := range f.next {
		if cmp.Or(is.method, r.Method) == r.Method && strings.HasPrefix(r.URL.Path, is.path) {
			how = is.how
			f.next = append(f.next[:i:i], f.next[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	if how == nil {
		return false
	}
	how(f, w, r, handler)
	return true
}

// LoseAnswer does what is asked and cuts the connection before it is answered.
func LoseAnswer(_ *Fake, _ http.ResponseWriter, r *http.Request, handler http.Handler) {
	handler.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// LoseCall cuts the connection before anything is done.
func LoseCall(*Fake, http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// Hang never answers.
func Hang(f *Fake, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
	select {
	case <-r.Context().Done():
	case <-f.ended:
	}
	panic(http.ErrAbortHandler)
}

// DoAndHang does what is asked and never answers. Done is closed when it is
// done.
func DoAndHang(done chan<- struct{}) How {
	return func(f *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		handler.ServeHTTP(httptest.NewRecorder(), r)
		close(done)
		Hang(f, w, r, handler)
	}
}

// Huge answers without an end.
func Huge(f *Fake, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", "application/json")
	blank := strings.Repeat(" ", 64<<10)
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, blank); err != nil {
			break
		}
		select {
		case <-f.ended:
			panic(http.ErrAbortHandler)
		default:
		}
	}
	panic(http.ErrAbortHandler)
}

// Status answers a page with that status, as a proxy does.
func Status(status int) How {
	return func(_ *Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		page(w, status, http.StatusText(status))
	}
}

// StatusAfter does what is asked and answers a page with that status.
func StatusAfter(status int) How {
	return func(_ *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		handler.ServeHTTP(httptest.NewRecorder(), r)
		page(w, status, http.StatusText(status))
	}
}

// Redirect sends elsewhere.
func Redirect(to string) How {
	return func(_ *Fake, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	}
}

// TooMany is the answer to too many calls.
func TooMany(seconds int) How {
	return func(_ *Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		page(w, http.StatusTooManyRequests, "Too many requests, please try again later.")
	}
}

// Text answers that text as that type, with status 200.
func Text(mediaType, body string) How {
	return func(_ *Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", mediaType)
		_, _ = io.WriteString(w, body)
	}
}

// Unauthorized refuses the session, whatever it is.
func Unauthorized(_ *Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	say(w, http.StatusUnauthorized, object{"status": "error", "message": "Unauthorized"})
}

// Late says that a call has arrived, and goes on with it when it is told to.
func Late(arrived chan<- struct{}, goOn <-chan struct{}) How {
	return func(f *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		close(arrived)
		select {
		case <-goOn:
		case <-f.ended:
		}
		handler.ServeHTTP(w, r)
	}
}

// After answers, and then does something.
func After(then func()) How {
	return func(_ *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		handler.ServeHTTP(w, r)
		then()
	}
}

// ArriveAndHang says that a call has arrived, and never answers it.
func ArriveAndHang(arrived chan<- struct{}) How {
	return func(f *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		close(arrived)
		Hang(f, w, r, handler)
	}
}

// Answer answers that.
func Answer(status int, mediaType, body string) How {
	return func(_ *Fake, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// AddKeyEnding is [Fake.AddKey] with an end, in whatever unit.
func (f *Fake) AddKeyEnding(label string, end int64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.newKey(label, []string{"tag:list"}, end)
	f.keys = append(f.keys, k)
	return k.id
}

// Version is what it behaves as.
func (f *Fake) Version() Version { return f.version }

// Before does something before a call is answered by how.
func Before(first func(), how How) How {
	return func(f *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
		first()
		how(f, w, r, handler)
	}
}

// Pass answers as if nothing were amiss.
func Pass(_ *Fake, w http.ResponseWriter, r *http.Request, handler http.Handler) {
	handler.ServeHTTP(w, r)
}
