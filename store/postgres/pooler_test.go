package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/store/storetest"
	"credence/test/pgserver"
)

// The whole contract holds behind a real pgbouncer in transaction mode, which
// hands every transaction to another connection.
func TestConformanceBehindAPooler(t *testing.T) {
	t.Parallel()
	own := startServer(t)
	through := own.Pooler(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Backend {
		t.Helper()
		o := options(through(migrated(t, own)))
		o.Now = now
		return open(t, o)
	})
}

func migrated(tb testing.TB, s *pgserver.Server) string {
	tb.Helper()
	return s.DatabaseFrom(tb, "migrated", func(address string) error {
		_, _, err := postgres.Migrate(tb.Context(), options(address))
		return err
	})
}

func TestBehindAPoolerOthersAreHeardThroughTheSessionURL(t *testing.T) {
	own := startServer(t)
	address := migrated(t, own)
	through := own.Pooler(t)(address)
	o, log := logged(through)
	o.SessionURL = address
	listening, other := open(t, o), open(t, options(through))
	wake := listening.Wake(t.Context())
	change(t, other, "key_1")
	<-wake
	if log.has("polled") {
		t.Error("it polls although it has a session")
	}
}

func TestBehindAPoolerWithoutSessionURLChangesArePolledFor(t *testing.T) {
	own := startServer(t)
	through := own.Pooler(t)(migrated(t, own))
	o, log := logged(through)
	db := open(t, o)
	if !log.has("a pooler is in between") {
		t.Error("the log does not say that changes are polled for")
	}
	wake := db.Wake(t.Context())
	change(t, db, "key_1") // in the same process nobody has to poll
	<-wake
}

func TestMigrateRefusesAPooler(t *testing.T) {
	own := startServer(t)
	address := own.Database(t)
	through := own.Pooler(t)(address)
	_, _, err := postgres.Migrate(t.Context(), options(through))
	refused(t, err, store.ErrUnavailable, "session URL")
	o := options(through)
	o.SessionURL = address
	if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	open(t, o)
}

// The only statement with a name is FindKey's, and none has one in a session
// that others get.
func TestBehindAPoolerNoStatementLeavesANameInTheSession(t *testing.T) {
	own := startServer(t)
	address := migrated(t, own)
	names := func(address string) []string {
		o := options(address)
		o.MaxConns = 1 // so that it is the same session
		db := open(t, o)
		if _, err := db.FindKey(t.Context(), make([]credential.Hash, 1)); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := db.Namespace(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
		var left []string
		if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) (err error) {
			left, err = postgres.PreparedStatements(ctx, w)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return left
	}
	if left := names(own.Pooler(t)(address)); len(left) != 0 {
		t.Errorf("behind a pooler: %v", left)
	}
	if left := names(address); len(left) != 1 || left[0] != postgres.FindQuery {
		t.Errorf("without one: %v, want FindKey's", left)
	}
}
