package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"modernc.org/sqlite"

	"credence/migrations"
	"credence/store"
	"credence/store/credential"
)

func openTest(t *testing.T) *DB {
	t.Helper()
	o := Options{
		Path: filepath.Join(t.TempDir(), "credence.db"), Now: time.Now, Random: rand.Reader, Logger: slog.New(slog.DiscardHandler),
	}
	if _, _, err := Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestFindKeyIsOneIndexedQuery asks SQLite how it would run the statement of
// FindKey: by the index of the hash, and the two keys of what is joined.
func TestFindKeyIsOneIndexedQuery(t *testing.T) {
	db := openTest(t)
	for _, hashes := range []int{1, 2, 5, maxFindHashes} {
		args := make([]any, hashes)
		for i := range args {
			args[i] = make([]byte, 32)
		}
		steps := queryPlan(t, db.read, findQuery(hashes), args)
		if len(steps) != 3 {
			t.Errorf("%d hashes: %d steps: %q", hashes, len(steps), steps)
			continue
		}
		for i, want := range []string{"SEARCH k USING INDEX api_keys_key_hash (key_hash=?)", "SEARCH p USING PRIMARY KEY", "SEARCH o USING PRIMARY KEY"} {
			if !strings.HasPrefix(steps[i], want) {
				t.Errorf("%d hashes: step %d is %q, want %q", hashes, i+1, steps[i], want)
			}
		}
	}
}

func queryPlan(t *testing.T, pool *sql.DB, query string, args []any) (steps []string) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

func TestFindKeyRefusesMoreHashesThanPeppersCanBe(t *testing.T) {
	_, err := openTest(t).FindKey(t.Context(), make([]credential.Hash, maxFindHashes+1))
	if !errors.Is(err, store.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
}

func TestConnectionsHaveTheirSettings(t *testing.T) {
	db := openTest(t)
	both := map[string]string{"foreign_keys": "1", "synchronous": "2", "journal_mode": "wal", "busy_timeout": "5000"}
	for name, pool := range map[string]*sql.DB{"write": db.write.pool, "read": db.read} {
		want := map[string]string{"query_only": map[string]string{"write": "0", "read": "1"}[name]}
		maps.Copy(want, both)
		for pragma, value := range want {
			var got string
			if err := pool.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != value {
				t.Errorf("%s of the %s pool is %s, want %s", pragma, name, got, value)
			}
		}
	}
	if _, err := db.read.ExecContext(t.Context(), "DELETE FROM namespaces"); err == nil {
		t.Error("the pool of readers writes")
	}
}

func TestEveryTableIsStrict(t *testing.T) {
	rows, err := openTest(t).read.QueryContext(t.Context(), `SELECT name, strict FROM pragma_table_list
		WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%' AND name <> 'goose_db_version'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var name string
		var strict bool
		if err := rows.Scan(&name, &strict); err != nil {
			t.Fatal(err)
		}
		if tables++; !strict {
			t.Errorf("table %s is not strict", name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if tables < 13 {
		t.Fatalf("found only %d tables", tables)
	}
}

func TestAnAuditEntryCannotBeRewritten(t *testing.T) {
	db := openTest(t)
	e := store.AuditEntry{Namespace: "default", Sequence: 1, At: time.Now(), Actor: "system", Action: "key.create"}
	e.Hash = e.ChainHash()
	if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error { return w.AppendAudit(ctx, e) }); err != nil {
		t.Fatal(err)
	}
	_, err := db.write.pool.ExecContext(t.Context(), "UPDATE api_key_audit_log SET actor = 'nobody'")
	if err == nil || !strings.Contains(err.Error(), "audit entries are never changed") {
		t.Fatalf("got %v", err)
	}
}

func TestAnAuditEntryIsAboutAKeyThatExists(t *testing.T) {
	e := store.AuditEntry{Namespace: "default", Sequence: 1, At: time.Now(), Action: "key.create", KeyID: "key_0"}
	err := openTest(t).Transact(t.Context(), func(ctx context.Context, w store.Writer) error { return w.AppendAudit(ctx, e) })
	if !errors.Is(err, store.ErrMissingReference) {
		t.Fatalf("got %v", err)
	}
}

// TestAFailedMigrationLeavesNothing has the second statement of a migration
// fail: the first is undone, and the version stays.
func TestAFailedMigrationLeavesNothing(t *testing.T) {
	db := openTest(t)
	embedded, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"09999_broken.sql": {Data: []byte("-- +goose Up\nCREATE TABLE half (a INTEGER) STRICT;\nINSERT INTO nowhere (a) VALUES (1);\n")},
	}
	names, err := fs.Glob(embedded, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	before, err := schemaVersion(t.Context(), db.write.pool)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := schemaProvider(db.write.pool, files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Fatalf("got %v", err)
	}
	after, err := schemaVersion(t.Context(), db.write.pool)
	if err != nil || after != before {
		t.Fatalf("version %d, %v; want %d", after, err, before)
	}
	var tables int
	if err := db.write.pool.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'half'").Scan(&tables); err != nil || tables != 0 {
		t.Fatalf("%d tables of the failed migration, %v", tables, err)
	}
}

func TestDriverErrorsBecomeSentinels(t *testing.T) {
	db := openTest(t)
	for statement, want := range map[string]error{
		"INSERT INTO audit_heads VALUES ('a', 0, zeroblob(32))":                                                store.ErrInvalid,
		"INSERT INTO audit_heads VALUES ('a', 'one', zeroblob(32))":                                            store.ErrInvalid,
		"INSERT INTO audit_heads VALUES ('a', 1, NULL)":                                                        store.ErrInvalid,
		"INSERT INTO revision_counter VALUES (1, 0)":                                                           store.ErrConflict,
		"INSERT INTO plans VALUES ('nobody', 'p', '', '[]', '[]', 0, 0, 1)":                                    store.ErrMissingReference,
		"INSERT INTO idempotency_keys VALUES ('a', 'b', zeroblob(32), '', 0), ('a', 'b', zeroblob(32), '', 0)": store.ErrConflict,
		"INSERT INTO nowhere VALUES (1)":                                                                       store.ErrUnavailable,
	} {
		_, err := db.write.pool.ExecContext(t.Context(), statement)
		if _, ok := errors.AsType[*sqlite.Error](err); !ok {
			t.Errorf("%s: the driver answered %v", statement, err)
			continue
		}
		if got := translate(err); !errors.Is(got, want) || !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("%s: got %v, want one that wraps %q and keeps the driver's words", statement, got, want)
		}
	}
	for _, err := range []error{context.Canceled, fmt.Errorf("query: %w", context.DeadlineExceeded), nil} {
		if got := translate(err); !errors.Is(got, err) || errors.Is(got, store.ErrUnavailable) {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := translate(sql.ErrConnDone); !errors.Is(got, store.ErrUnavailable) {
		t.Errorf("%v became %v", sql.ErrConnDone, got)
	}
}

// TestAColumnThatDoesNotScanIsDamage covers what the schema cannot check.
func TestAColumnThatDoesNotScanIsDamage(t *testing.T) {
	db := openTest(t)
	_, err := db.write.pool.ExecContext(t.Context(),
		"INSERT INTO ip_blacklist (id, network, reason, source, created_by, created_at) VALUES ('blk_1', 'everywhere', '', '', '', 0)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.BlacklistRule(t.Context(), "blk_1"); !errors.Is(err, store.ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
	secret := "secret value"
	for _, c := range []sql.Scanner{
		instant{new(time.Time)},
		optionalText{new(string)},
		hash{new([32]byte)},
		address{new(netip.Addr)},
		network{new(netip.Prefix)},
		items[string]{new([]string)},
		pairs{new(map[string]string)},
	} {
		if err := c.Scan([]byte(secret)); !errors.Is(err, store.ErrCorrupt) || strings.Contains(err.Error(), secret) {
			t.Errorf("%T: got %v", c, err)
		}
		if err := c.Scan(1.5); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%T: got %v", c, err)
		}
	}
}

// TestAQueryThatIsInterruptedAnswersTheContextsError has a query that never
// ends by itself meet a deadline, while reading and while writing.
func TestAQueryThatIsInterruptedAnswersTheContextsError(t *testing.T) {
	db := openTest(t)
	const endless = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := listRows(ctx, db.read, endless, nil, func(r row, n *int64) error { return r.Scan(n) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: got %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = db.Transact(ctx, func(ctx context.Context, w store.Writer) error {
		inside, ok := w.(*writer)
		if !ok {
			return fmt.Errorf("the writer is %T", w)
		}
		if err := w.RevokeToken(ctx, "tok_0", time.Now()); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		_, err := listRows(ctx, inside.tx, endless, nil, func(r row, n *int64) error { return r.Scan(n) })
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: got %v", err)
	}
	if err := db.Transact(t.Context(), func(context.Context, store.Writer) error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
