package postgres_test

import (
	"context"
	"testing"
	"time"

	"credence/store"
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

func TestNoStatementLeavesANameInTheSession(t *testing.T) {
	address := database(t)
	o := options(address)
	o.MaxConns = 1 // so that it is the same session
	db := open(t, o)
	change(t, db, "key_1")
	if _, err := db.Key(t.Context(), "key_1"); err != nil {
		t.Fatal(err)
	}
	var left []string
	err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		var err error
		left, err = postgres.PreparedStatements(ctx, w)
		return err
	})
	if err != nil || len(left) != 0 {
		t.Errorf("prepared statements %v, %v", left, err)
	}
}
