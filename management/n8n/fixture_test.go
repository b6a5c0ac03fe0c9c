package n8n_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/management/n8n"
	"credence/management/outgoing"
	"credence/management/remote"
	"credence/store/credential"
	"credence/test/n8nserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock moves when the test says so, or when somebody waits by it.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
	real  bool // it is the world's
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real {
		return time.Now()
	}
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Wait waits by moving the clock; the world's has to be waited for.
func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	if c.real {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	c.mu.Lock()
	c.waits = append(c.waits, d)
	c.mu.Unlock()
	c.advance(d)
	return ctx.Err()
}

func (c *clock) waited() (all time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.waits {
		all += d
	}
	return all
}

// sessions keeps a session for several clients.
type sessions struct {
	mu    sync.Mutex
	is    n8n.Session
	fails error
}

func (s *sessions) LoadSession(context.Context, string, int64) (n8n.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is, s.fails
}

func (s *sessions) SaveSession(_ context.Context, _ string, _ int64, is n8n.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails == nil {
		s.is = is
	}
	return s.fails
}

func (s *sessions) kept() n8n.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is
}

// fixture is a client and the n8n that it speaks with.
type fixture struct {
	*testing.T

	n8n      *n8nserver.Fake
	client   *n8n.Client
	target   *remote.Target
	clock    *clock
	sessions *sessions
}

// versions tries something on a fake of each version.
func versions(t *testing.T, try func(f *fixture)) {
	t.Helper()
	for _, version := range []string{n8nserver.Old, n8nserver.New} {
		t.Run(version, func(t *testing.T) { try(newFixture(t, version)) })
	}
}

func newFixture(t *testing.T, version string) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: newClock(), sessions: &sessions{}}
	f.n8n = n8nserver.NewFake(t, version, f.clock.Now)
	f.target = targetAt(f.n8n.URL)
	f.client = f.newClient()
	return f
}

func targetAt(url string) *remote.Target {
	return &remote.Target{ID: "con_1", Version: 1, URL: url, Account: n8nserver.Email, Secret: credential.NewText(n8nserver.Password)}
}

// at is a target at another address.
func (f *fixture) at(url string) *remote.Target {
	t := targetAt(url)
	t.ID = "con_2"
	return t
}

type free struct{}

func (free) Take() time.Time { return time.Time{} }

// newClient is another client, as of another process, with the same sessions.
func (f *fixture) newClient() *n8n.Client {
	f.Helper()
	return f.newClientBy(f.clock.Now, f.clock.Wait, outgoing.Options{Allow: outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
}

func (f *fixture) newClientBy(now func() time.Time, wait func(context.Context, time.Duration) error, out outgoing.Options) *n8n.Client {
	f.Helper()
	c, err := n8n.New(remote.Options{Outgoing: out, Now: now, Wait: wait, Version: "test", Pace: func(int) remote.Pacer { return free{} }}, f.sessions)
	f.ok(err)
	f.Cleanup(c.Close)
	return c
}

// made is a key of the label, made through the client.
func (f *fixture) made(label string, scopes ...string) n8n.Made {
	f.Helper()
	if len(scopes) == 0 {
		scopes = []string{"tag:list"}
	}
	m, err := f.client.Create(f.Context(), f.target, n8n.Spec{Label: label, Scopes: scopes})
	if err != nil {
		f.Fatalf("create %s: %v", label, err)
	}
	return m
}

// wants checks the kind of an error.
func (f *fixture) wants(err error, kind remote.Kind) {
	f.Helper()
	p, ok := errors.AsType[*remote.Error](err)
	if !ok || p.Kind != kind {
		f.Fatalf("got %v, want %q", err, kind)
	}
	if p.Message == "" {
		f.Errorf("%s does not say what to do", kind)
	}
}

// failure is that of the kind which is wanted.
func (f *fixture) failure(err error, kind remote.Kind) *remote.Error {
	f.Helper()
	f.wants(err, kind)
	p, _ := errors.AsType[*remote.Error](err)
	return p
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// logins is how often somebody logged in.
func (f *fixture) logins() int { return f.n8n.Calls("POST /rest/login") }
