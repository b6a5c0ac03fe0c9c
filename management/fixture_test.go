package management_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql" //nolint:depguard // reads every table raw, which no role of store can, to prove that nothing was written
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"credence/management"
	"credence/management/audit"
	"credence/management/gitea"
	"credence/management/n8n"
	"credence/management/outgoing"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/store/seal"
	"credence/store/sqlite"
	"credence/store/sqlite/sqlitetest"
	"credence/test/fakegitea"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unpaced lets everybody through.
type unpaced struct{}

func (unpaced) Take() time.Time { return time.Time{} }

// start is the instant at which every fixture's clock begins.
var start = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// fixture is a Service over a real database, with a clock that only the test
// moves.
type fixture struct {
	*management.Service

	t       *testing.T
	db      store.Backend
	store   *store.Store
	keyset  *seal.Keyset
	secrets *credential.Secrets
	path    string // of the file of SQLite
	address string // of the database of PostgreSQL, of a superuser; "" with SQLite
	log     *lockedBuffer

	mu   sync.Mutex
	now  time.Time
	tick time.Duration // by which the clock moves whenever it is read; 0 unless the test says so
}

// image is a database file that was filled once, to be copied for each test:
// that is much faster than filling it again. All fixtures share their secrets.
type image struct {
	once    sync.Once
	content []byte
	keyset  *seal.Keyset
	secrets *credential.Secrets
}

// first holds the namespaces default, a and b.
var first image

func (i *image) fill(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.db")
	sqlitetest.Write(t, path)
	var err error
	i.content, err = os.ReadFile(path)
	must(t, err)
	i.keyset, err = seal.NewKeyset()
	must(t, err)
	i.secrets, err = credential.NewSecrets(rand.Reader)
	must(t, err)
	f := i.open(t)
	for _, name := range []string{"a", "b"} {
		_, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: name})
		must(t, err)
	}
	i.content = f.closed()
}

// open makes a fixture over a copy of the image.
func (i *image) open(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{
		t: t, path: filepath.Join(t.TempDir(), "credence.db"), now: start, log: &lockedBuffer{}, keyset: i.keyset, secrets: i.secrets,
	}
	must(t, os.WriteFile(f.path, i.content, 0o600))
	f.connectDatabase()
	return f
}

// reopen is the fixture after the process has died: another one on the same
// database and clock.
func (f *fixture) reopen() *fixture {
	f.t.Helper()
	again := &fixture{t: f.t, path: f.path, address: f.address, now: f.clock(), log: f.log, keyset: f.keyset, secrets: f.secrets}
	again.connectDatabase()
	return again
}

// connectDatabase opens the database of the fixture, and has the test close it.
func (f *fixture) connectDatabase() {
	f.t.Helper()
	logger := slog.New(slog.NewJSONHandler(f.log, nil))
	var err error
	if f.address != "" {
		f.db, err = postgres.Open(f.t.Context(), postgres.Options{URL: f.address, Now: f.clock, Random: rand.Reader, Logger: logger})
	} else {
		f.db, err = sqlite.Open(f.t.Context(), sqlite.Options{Path: f.path, Now: f.clock, Random: rand.Reader, Logger: logger})
	}
	must(f.t, err)
	f.t.Cleanup(func() { must(f.t, f.db.Close()) })
	f.store = store.New(f.db, f.keyset, f.clock)
	f.Service = f.over(f.store)
}

// newFixture opens a database with the namespaces default, a and b: one of
// PostgreSQL for the tests of TestOnPostgreSQL.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	first.once.Do(func() { first.fill(t) })
	if strings.HasPrefix(t.Name(), onPostgreSQL) {
		return second.open(t)
	}
	return first.open(t)
}

// closed closes the database and answers what its file holds then.
func (f *fixture) closed() []byte {
	f.t.Helper()
	must(f.t, f.db.Close())
	content, err := os.ReadFile(f.path)
	must(f.t, err)
	return content
}

// over makes a Service like the fixture's over another store.
func (f *fixture) over(s *store.Store) *management.Service {
	f.t.Helper()
	return f.with(func(o *management.Options) { o.Store = s })
}

// with makes a Service like the fixture's with other options.
func (f *fixture) with(change func(*management.Options)) *management.Service {
	f.t.Helper()
	o := management.Options{
		Store: f.store, Secrets: f.secrets, Random: rand.Reader, Now: f.clock,
		Logger:            slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ClientSourceKnown: true,
	}
	o.Gitea, o.N8N = f.forge(), f.flows()
	change(&o)
	service, err := management.New(o)
	must(f.t, err)
	return service
}

// flows is the client for n8n, which goes with the test.
func (f *fixture) flows() *n8n.Client {
	f.t.Helper()
	o := remote.Options{Outgoing: fakegitea.Reach(), Now: f.clock, Pace: func(int) remote.Pacer { return unpaced{} }, Wait: func(_ context.Context, d time.Duration) error {
		f.advance(d)
		return nil
	}}
	flows, err := n8n.New(o, management.N8NSessions(f.store))
	must(f.t, err)
	f.t.Cleanup(flows.Close)
	return flows
}

// forge is the client for Gitea servers, which goes with the test.
func (f *fixture) forge() *gitea.Client { return f.forgeAt(fakegitea.Reach()) }

func (f *fixture) forgeAt(reach outgoing.Options) *gitea.Client {
	f.t.Helper()
	forge, err := gitea.New(remote.Options{Outgoing: reach, Now: f.clock, Pace: func(int) remote.Pacer { return unpaced{} }, Wait: func(context.Context, time.Duration) error { return nil }})
	must(f.t, err)
	f.t.Cleanup(forge.Close)
	return forge
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(f.tick)
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// The actors of the tests.
var (
	global = management.Actor{ID: "token:tok_global", Role: store.RoleAdmin, RequestID: "req_1"}
	onlyA  = management.Actor{ID: "token:tok_a", Role: store.RoleAdmin, Namespaces: []string{"a"}, RequestID: "req_2"}
)

func (f *fixture) key(in management.KeyCreate) management.KeyCreated {
	f.t.Helper()
	in.Name = cmpOr(in.Name, "some key")
	made, err := f.KeyCreate(f.t.Context(), global, in)
	must(f.t, err)
	return made
}

func (f *fixture) plan(namespace, name string) store.Plan {
	f.t.Helper()
	made, err := f.PlanCreate(f.t.Context(), global, management.PlanCreate{Namespace: namespace, Name: name})
	must(f.t, err)
	return made.Plan
}

func (f *fixture) owner(namespace, name string) store.Owner {
	f.t.Helper()
	made, err := f.OwnerCreate(f.t.Context(), global, management.OwnerCreate{Namespace: namespace, Name: name})
	must(f.t, err)
	return made.Owner
}

func (f *fixture) rule(in management.BlacklistAdd) store.BlacklistRule {
	f.t.Helper()
	in.Reason = cmpOr(in.Reason, "scanning")
	made, err := f.BlacklistAdd(f.t.Context(), global, in)
	must(f.t, err)
	return made.Rule
}

func (f *fixture) admin(in management.TokenCreate) management.TokenCreated {
	f.t.Helper()
	in.Name = cmpOr(in.Name, "some token")
	made, err := f.TokenCreate(f.t.Context(), global, in)
	must(f.t, err)
	return made
}

// entries answers the audit chain of a namespace, proven whole.
func (f *fixture) entries(namespace string) []store.AuditEntry {
	f.t.Helper()
	var all []store.AuditEntry
	for {
		page, err := f.store.AuditEntries(f.t.Context(), namespace, int64(len(all)), 100)
		must(f.t, err)
		if len(page) == 0 {
			must(f.t, audit.Verify(all))
			return all
		}
		all = append(all, page...)
	}
}

// last answers the newest audit entry of a namespace and its details.
func (f *fixture) last(namespace string) (store.AuditEntry, details) {
	f.t.Helper()
	entries := f.entries(namespace)
	if len(entries) == 0 {
		f.t.Fatalf("no audit entry in namespace %q", namespace)
	}
	entry := entries[len(entries)-1]
	raw, err := audit.Open(f.keyset, &entry)
	must(f.t, err)
	var d details
	if raw != nil {
		must(f.t, json.Unmarshal(raw, &d))
	}
	return entry, d
}

// details is how audit details read.
type details struct {
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
}

// dump answers every row of every table as text, past all roles of store.
func (f *fixture) dump() string {
	f.t.Helper()
	if f.address != "" {
		return dumpPostgreSQL(f.t, f.address)
	}
	raw, err := sql.Open("sqlite", "file:"+f.path+"?mode=ro")
	must(f.t, err)
	defer func() { must(f.t, raw.Close()) }()
	var out strings.Builder
	for _, table := range column(f.t, raw, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") {
		fmt.Fprintf(&out, "== %s\n", table)
		rows, err := raw.QueryContext(f.t.Context(), fmt.Sprintf("SELECT * FROM %q", table)) //nolint:unqueryvet // whatever columns there are
		must(f.t, err)
		lines := scanLines(f.t, rows)
		slices.Sort(lines)
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

// tables answers the rows of one table of the dump.
func table(dump, name string) []string {
	_, rest, _ := strings.Cut(dump, "== "+name+"\n")
	rest, _, _ = strings.Cut(rest, "\n== ")
	return slices.DeleteFunc(strings.Split(rest, "\n"), func(line string) bool { return line == "" })
}

func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	must(t, err)
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		out = append(out, s)
	}
	must(t, rows.Err())
	return out
}

func scanLines(t *testing.T, rows *sql.Rows) []string {
	t.Helper()
	defer rows.Close()
	names, err := rows.Columns()
	must(t, err)
	var lines []string
	for rows.Next() {
		values, cells := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			cells[i] = &values[i]
		}
		must(t, rows.Scan(cells...))
		var line strings.Builder
		for i, value := range values {
			if b, ok := value.([]byte); ok {
				value = string(b)
			}
			fmt.Fprintf(&line, "%s=%q ", names[i], fmt.Sprint(value))
		}
		lines = append(lines, line.String())
	}
	must(t, rows.Err())
	return lines
}

// refused checks that an error is an Error of the code, and answers it.
func refused(t *testing.T, err error, code management.Code) management.Error {
	t.Helper()
	e, ok := errors.AsType[*management.Error](err)
	if !ok {
		t.Fatalf("got %v, want an Error with code %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("got code %s (%v), want %s", e.Code, e, code)
	}
	return *e
}

// blames checks that the only problem is of the field, and says what to do.
func blames(t *testing.T, err error, field string) management.FieldError {
	t.Helper()
	e := refused(t, err, management.CodeInvalidInput)
	if len(e.Fields) != 1 || e.Fields[0].Field != field {
		t.Fatalf("got problems %+v, want one of %s", e.Fields, field)
	}
	if e.Fields[0].Problem == "" || e.Fields[0].Remedy == "" {
		t.Fatalf("problem without words: %+v", e.Fields[0])
	}
	return e.Fields[0]
}

// addresses lets cmp compare what netip keeps to itself.
func addresses() cmp.Option { return cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func cmpOr(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
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
