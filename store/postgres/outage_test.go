package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sync/errgroup"

	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/store/seal"
	"credence/test/pgserver"
)

// A server that is restarted, then crashes, under load: whoever meets it gets
// ErrUnavailable and nothing else, what was acknowledged is there, what was
// not is whole or absent, and the next attempts succeed without help.
func TestAServerRestartedUnderLoadLosesNothing(t *testing.T) {
	own := startServer(t)
	address := migrated(t, own)
	db := open(t, options(address))
	keyset, err := seal.NewKeyset()
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(db, keyset, time.Now)
	l := &load{t: t, store: s, acknowledged: map[string]store.Position{}}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() { l.write(ctx, i) })
	}
	running.Go(func() { l.read(ctx) })

	for _, trouble := range []func() error{
		func() error { return own.Restart(t.Context()) },
		func() error { return errors.Join(own.Crash(), own.Launch(t.Context())) },
	} {
		l.waitFor(20)
		if err := trouble(); err != nil {
			t.Fatal(err)
		}
	}
	l.waitFor(20)
	stop()
	running.Wait()
	l.verify()
}

// load is what several writers and a reader do, and what they were told.
type load struct {
	t            *testing.T
	store        *store.Store
	mu           sync.Mutex
	acknowledged map[string]store.Position
	failures     int
}

func (l *load) write(ctx context.Context, writer int) {
	for n := 0; ctx.Err() == nil; n++ {
		k := sampleKey(fmt.Sprintf("key_%d_%06d", writer, n))
		at, err := l.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
			tx.Audit(store.AuditRecord{Namespace: "default", Actor: "system", Action: "key.create", Object: "key:" + k.KeyID, KeyID: k.KeyID})
			if err := tx.InsertKey(ctx, k); err != nil {
				return err
			}
			return tx.Enqueue(ctx, store.Job{Kind: "hello"})
		})
		l.note(ctx, err, func() { l.acknowledged[k.KeyID] = at })
	}
}

func (l *load) read(ctx context.Context) {
	for ctx.Err() == nil {
		_, err := l.store.FindKey(ctx, []credential.Hash{sampleKey("key_0_000000").Hash})
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		l.note(ctx, err, func() {})
	}
}

func (l *load) note(ctx context.Context, err error, done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		done()
	case ctx.Err() != nil: // the end of the test
	case errors.Is(err, store.ErrUnavailable):
		l.failures++
	default:
		l.t.Errorf("the server was away and the error was %v", err)
	}
}

// waitFor waits until that many more writes were acknowledged.
func (l *load) waitFor(more int) {
	l.t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.acknowledged)
	}
	wanted := count() + more
	until(l.t, "writes succeed", func() bool { return count() >= wanted })
}

func (l *load) verify() {
	ctx := l.t.Context()
	if l.failures == 0 {
		l.t.Error("nobody noticed that the server was away")
	}
	changes, err := l.store.ChangesAfter(ctx, store.Position{}, 1_000_000)
	if err != nil {
		l.t.Fatal(err)
	}
	written := map[string]store.Position{}
	for i, c := range changes {
		if c.Revision != store.Revision(i+1) {
			l.t.Fatalf("revision %d in place %d", c.Revision, i+1)
		}
		written[c.ObjectID] = store.Position{Revision: c.Revision, ID: c.ID}
	}
	for id, at := range l.acknowledged {
		if written[id] != at {
			l.t.Errorf("%s was acknowledged at %v and is at %v", id, at, written[id])
		}
	}
	entries, err := l.store.AuditEntries(ctx, "default", 0, 1_000_000)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(entries) != len(changes) {
		l.t.Errorf("%d changes, %d audit entries", len(changes), len(entries))
	}
	var previous [32]byte
	for _, e := range entries {
		if e.Previous != previous || e.ChainHash() != e.Hash {
			l.t.Fatalf("the chain breaks at %d", e.Sequence)
		}
		previous = e.Hash
		if _, err := l.store.Key(ctx, e.KeyID); err != nil {
			l.t.Errorf("%s has an audit entry: %v", e.KeyID, err)
		}
	}
}

// everyMethod calls one method of each way to the database.
func everyMethod(db *postgres.DB) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Ping":    db.Ping,
		"FindKey": func(ctx context.Context) error { _, err := db.FindKey(ctx, make([]credential.Hash, 1)); return err },
		"Keys": func(ctx context.Context) error {
			_, _, err := db.Keys(ctx, store.KeyFilter{}, store.Page{})
			return err
		},
		"ChangesAfter": func(ctx context.Context) error { _, err := db.ChangesAfter(ctx, store.Position{}, 1); return err },
		"Transact": func(ctx context.Context) error {
			return db.Transact(ctx, func(context.Context, store.Writer) error { return nil })
		},
		"PutReplica": func(ctx context.Context) error {
			return db.PutReplica(ctx, store.Replica{ID: "rep_1", StartedAt: time.Now(), SeenAt: time.Now()})
		},
	}
}

func TestAServerThatDoesNotAnswerIsUnavailableWithinTheTimeout(t *testing.T) {
	own := startServer(t)
	o := options(migrated(t, own))
	o.StatementTimeout, o.LockTimeout, o.ConnectTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	db := open(t, o)
	if err := own.Pause(); err != nil {
		t.Fatal(err)
	}
	for name, call := range everyMethod(db) {
		if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The caller's own deadline is the caller's own error.
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err := db.FindKey(ctx, make([]credential.Hash, 1))
	refused(t, err, context.DeadlineExceeded)
	_, err = postgres.Open(t.Context(), o)
	refused(t, err, store.ErrUnavailable)
	if err := own.Resume(); err != nil {
		t.Fatal(err)
	}
	until(t, "it answers again", func() bool { return db.Ping(t.Context()) == nil })
}

// A standby may be behind: what it answers is not taken for the truth.
func TestAStandbyIsRefusedUntilItIsPromoted(t *testing.T) {
	own := startServer(t)
	address := migrated(t, own)
	db := open(t, options(address))
	if err := own.MakeStandby(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, call := range everyMethod(db) {
		if err := call(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := postgres.Open(t.Context(), options(address))
	refused(t, err, store.ErrUnavailable, "standby")
	if err := own.MakePrimary(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "it answers again", func() bool { return db.Ping(t.Context()) == nil })
	change(t, db, "key_1")
}

func TestAReadOnlyDatabaseIsReadAndNotWritten(t *testing.T) {
	address := database(t)
	pgserver.Exec(t, address, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$")
	db := open(t, options(address))
	if _, err := db.Namespace(t.Context(), "default"); err != nil {
		t.Error(err)
	}
	_, err := insertKey(t.Context(), db, sampleKey("key_1"))
	refused(t, err, store.ErrUnavailable, "read-only")
	refused(t, everyMethod(db)["PutReplica"](t.Context()), store.ErrUnavailable, "read-only")
}

func TestAServerWithoutConnectionsLeftIsUnavailable(t *testing.T) {
	own := startServer(t)
	address := migrated(t, own)
	pgserver.Exec(t, address, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 2', current_database()); END $$")
	login := own.Login(t, address, "credence_data") // a superuser is not limited
	one := open(t, options(login))                  // one connection, and one that listens
	if err := one.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.Open(t.Context(), options(login))
	refused(t, err, store.ErrUnavailable, "too many connections", "max_connections")
}

func TestWhereNobodyListensIsUnavailable(t *testing.T) {
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "postgres://nobody:hunter2@" + l.Addr().String() + "/credence"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, opening := postgres.Open(t.Context(), options(address))
	_, _, migrating := postgres.Migrate(t.Context(), options(address))
	for _, err := range []error{opening, migrating} {
		refused(t, err, store.ErrUnavailable, "nobody@127.0.0.1", "connection refused; see that the server runs")
		noPassword(t, err)
		onOneLine(t, err, "connection refused")
	}
}

// TestWhatAServerWithoutTLSSaysIsNotHidden behind its having no TLS, which the
// driver asks for first.
func TestWhatAServerWithoutTLSSaysIsNotHidden(t *testing.T) {
	address := withoutTLS(t, &pgproto3.ErrorResponse{Severity: "FATAL", Code: "3D000", Message: `database "nowhere" does not exist`})
	_, err := postgres.Open(t.Context(), options("postgres://nobody:hunter2@"+address+"/nowhere"))
	refused(t, err, store.ErrRefused, "CREATE DATABASE")
	noPassword(t, err)
	onOneLine(t, err, "does not exist")
	if strings.Contains(err.Error(), "TLS") {
		t.Errorf("%v speaks of TLS, which is not what is wrong", err)
	}
}

// withoutTLS answers the address of a server that has no TLS and ends every
// connection with the answer.
func withoutTLS(t *testing.T, answer *pgproto3.ErrorResponse) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all errgroup.Group
	all.Go(func() error {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			all.Go(func() error { return turnAway(conn, answer) })
		}
	})
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), all.Wait()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func turnAway(conn net.Conn, answer *pgproto3.ErrorResponse) error {
	server := pgproto3.NewBackend(conn, conn)
	message, err := server.ReceiveStartupMessage()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if _, ok := message.(*pgproto3.SSLRequest); ok {
		_, err = conn.Write([]byte("N"))
		return errors.Join(err, conn.Close())
	}
	server.Send(answer)
	return errors.Join(server.Flush(), conn.Close())
}

// onOneLine holds that an error is one line that says each thing once.
func onOneLine(t *testing.T, err error, once string) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), once) != 1 {
		t.Errorf("%q is to be one line that says %q once", err, once)
	}
}

func TestAConnectionThatIsCutOffIsReplaced(t *testing.T) {
	address := database(t)
	db := open(t, options(address))
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	pgserver.Query(t, address, "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	until(t, "another connection is made", func() bool {
		err := db.Ping(t.Context())
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Fatal(err)
		}
		return err == nil
	})
}
