package jobs_test

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/store/seal"
	"credence/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is moved by the test alone.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open answers an empty store, and the service over it.
func open(t *testing.T, now func() time.Time) (*store.Store, *management.Service) {
	t.Helper()
	return openBetween(t, now, now)
}

// openBetween is open with one clock for the queue and one for the use-cases.
func openBetween(t *testing.T, queue, now func() time.Time) (*store.Store, *management.Service) {
	t.Helper()
	db := sqlitetest.Open(t, queue)
	keyset, err := seal.NewKeyset()
	must(t, err)
	s := store.New(db, keyset, now)
	service, err := keeping(s, now, management.Retention{})
	must(t, err)
	return s, service
}

// keeping is a service over the store that keeps what it is told to for so long.
func keeping(s *store.Store, now func() time.Time, r management.Retention) (*management.Service, error) {
	secrets, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		return nil, err
	}
	return management.New(management.Options{
		Store: s, Secrets: secrets, Random: rand.Reader, Now: now, Logger: slog.New(slog.DiscardHandler), Retention: r,
	})
}

var admin = management.Actor{ID: "token:tok_1", Role: store.RoleAdmin}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
