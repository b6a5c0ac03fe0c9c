package postgres_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/test/pgserver"
)

// manyKeys makes keys with the hashes sha256('1'), sha256('2'), ... directly.
const manyKeys = `INSERT INTO credence.plans (namespace, name, description, limits, quotas, created_at, updated_at, version)
	SELECT 'default', 'plan ' || n, '', '[]', '[]', '2026-01-01', '2026-01-02', 1 FROM generate_series(1, 2000) AS n;
INSERT INTO credence.owners (namespace, name, description, contact, limits, quotas, created_at, updated_at, version)
	SELECT 'default', 'owner ' || n, '', '', '[]', '[]', '2026-01-01', '2026-01-02', 1 FROM generate_series(1, 2000) AS n;
INSERT INTO credence.api_keys (key_id, namespace, name, owner, plan, key_type, status, status_reason, environment, scopes,
		limits, quotas, networks, hosts, methods, paths, labels, key_hash, pepper_id, checksum_id, created_at, updated_at, version,
		limits_id, close_when_silent, rotate_every, throttle)
	SELECT 'key_' || n, 'default', 'many', 'owner ' || (n % 2000 + 1), 'plan ' || (n % 2000 + 1), 'service', 'active', '', 'live', '{}',
		'[]', '[]', '{}', '{}', '{}', '{}', '{}', sha256(n::text::bytea), '', '', '2026-01-01', '2026-01-02', 1, '', interval '0', interval '0', 0 FROM generate_series(1, 10000) AS n;
ANALYZE`

// With a plan made for its candidates, and with the one for any that a
// prepared statement comes to have.
func TestFindKeyReadsByIndexesOnly(t *testing.T) {
	address := database(t)
	pgserver.Exec(t, address, manyKeys)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "PREPARE find (bytea[]) AS "+postgres.FindQuery); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
			t.Fatal(err)
		}
		readsByIndexesOnly(t, conn)
	}
}

func readsByIndexesOnly(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	var text []byte
	err := conn.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE find (ARRAY[sha256('1'), sha256('2'), sha256('x')])",
		pgx.QueryExecModeSimpleProtocol).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	var plans []struct {
		Plan plan `json:"Plan"`
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		t.Fatal(err)
	}
	var scans []string
	plans[0].Plan.walk(func(p plan) {
		if strings.Contains(p.NodeType, "Scan") {
			scans = append(scans, p.NodeType+" "+p.IndexName)
		}
		if strings.Contains(p.NodeType, "Seq") {
			t.Errorf("reads a whole table: %s", text)
		}
	})
	for _, index := range []string{"api_keys_key_hash", "plans_pkey", "owners_pkey"} {
		if !strings.Contains(strings.Join(scans, "\n"), index) {
			t.Errorf("does not use %s: %v", index, scans)
		}
	}
}

type plan struct {
	NodeType  string `json:"Node Type"`
	IndexName string `json:"Index Name"`
	Plans     []plan `json:"Plans"`
}

func (p plan) walk(see func(plan)) {
	see(p)
	for _, inner := range p.Plans {
		inner.walk(see)
	}
}

func TestFindKeyBoundsItsCandidates(t *testing.T) {
	db := open(t, options(database(t)))
	_, err := db.FindKey(t.Context(), make([]credential.Hash, 33))
	refused(t, err, store.ErrInvalid, "33")
}

func BenchmarkFindKey(b *testing.B) {
	address := database(b)
	pgserver.Exec(b, address, manyKeys)
	db := open(b, options(address))
	hash := credential.Hash(credential.DigestOf([]byte("4711")))
	for b.Loop() {
		if _, err := db.FindKey(b.Context(), []credential.Hash{hash}); err != nil {
			b.Fatal(err)
		}
	}
}
