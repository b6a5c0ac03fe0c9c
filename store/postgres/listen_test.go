package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"

	"credence/store"
	"credence/store/postgres"
	"credence/test/pgserver"
)

// lines is a log that can be written and read at the same time.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(part))
}

func logged(address string) (postgres.Options, *lines) {
	o, log := options(address), &lines{}
	o.Logger = slog.New(slog.NewTextHandler(log, nil))
	return o, log
}

func change(t *testing.T, db *postgres.DB, id string) store.Position {
	t.Helper()
	at, err := insertKey(t.Context(), db, sampleKey(id))
	if err != nil {
		t.Fatalf("change: %v", err)
	}
	return at
}

func TestAChangeOfOneProcessWakesTheOthers(t *testing.T) {
	address := database(t)
	one, other := open(t, options(address)), open(t, options(address))
	here, there := one.Wake(t.Context()), other.Wake(t.Context())
	change(t, one, "key_1")
	<-here
	<-there
	// Its own notification does not wake the process a second time: it would
	// have come before the other process's one.
	change(t, other, "key_2")
	<-there
	<-here
	select {
	case <-here:
		t.Error("woken twice by one change")
	default:
	}
}

func TestAChangeThatIsRolledBackWakesNobody(t *testing.T) {
	address := database(t)
	one, other := open(t, options(address)), open(t, options(address))
	wake := other.Wake(t.Context())
	err := one.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		if _, err := w.AppendChanges(ctx, []store.Change{{Kind: store.ChangeKey, ObjectID: "undone", At: options("").Now()}}); err != nil {
			return err
		}
		return context.Canceled
	})
	refused(t, err, context.Canceled)
	at := change(t, one, "key_1")
	<-wake
	if head, err := other.Head(t.Context()); err != nil || head != at || at.Revision != 1 {
		t.Errorf("woken at %v, %v; want %v", head, err, at)
	}
}

func TestNotificationsComeBackAfterTheConnectionBroke(t *testing.T) {
	address := database(t)
	o, log := logged(address)
	listening, other := open(t, o), open(t, options(address))
	wake := listening.Wake(t.Context())
	for range 2 {
		broken := pgserver.Query(t, address, "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity "+
			"WHERE query LIKE 'LISTEN%' AND datname = current_database()")
		if len(broken) == 0 {
			t.Fatal("nobody listens")
		}
		<-wake // back again, and told to look for what was missed
		change(t, other, "key_"+pgserver.Query(t, address, "SELECT count(*)::text FROM credence.changes")[0])
		<-wake
	}
	if !log.has("notifications of changes interrupted") || !log.has("notifications of changes back") {
		t.Error("the log does not tell of the interruption")
	}
}

// Close ends the listener, also while it tries to connect again.
func TestCloseEndsTheListenerWhileTheServerIsAway(t *testing.T) {
	own := startServer(t)
	address := own.Database(t)
	migrate(t, address)
	o, log := logged(address)
	db := open(t, o)
	if err := own.Halt(); err != nil {
		t.Fatal(err)
	}
	until(t, "the interruption is noticed", func() bool { return log.has("notifications of changes interrupted") })
	if err := db.Close(); err != nil { // TestMain looks for what it left running
		t.Error(err)
	}
	if err := own.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
}
