package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/postgres"
	"credence/test/pgserver"
)

// everythingItMay lists what the login ($1 is filled in) may do: to every
// table, column, sequence, function and schema of ours, River's included, to
// every function of the schema public, and to the database, and what the role
// is by itself.
const everythingItMay = `
WITH me AS (SELECT oid, rolname FROM pg_roles WHERE rolname = 'LOGIN'),
relations AS (SELECT c.oid, c.relname, c.relkind FROM pg_class AS c
	WHERE c.relnamespace IN ('credence'::regnamespace, 'public'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S'))
SELECT 'table ' || r.relname || ' ' || p FROM me, relations AS r,
	unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) AS p
	WHERE r.relkind <> 'S' AND has_table_privilege(me.oid, r.oid, p)
UNION ALL SELECT 'column ' || r.relname || '.' || a.attname || ' ' || p FROM me, relations AS r
	JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped, unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS p
	WHERE r.relkind <> 'S' AND a.attnum > 0 AND has_column_privilege(me.oid, r.oid, a.attnum, p)
UNION ALL SELECT 'sequence ' || r.relname || ' ' || p FROM me, relations AS r, unnest('{USAGE,SELECT,UPDATE}'::text[]) AS p
	WHERE r.relkind = 'S' AND has_sequence_privilege(me.oid, r.oid, p)
UNION ALL SELECT 'function ' || f.proname FROM me, pg_proc AS f
	WHERE f.pronamespace IN ('credence'::regnamespace, 'public'::regnamespace) AND has_function_privilege(me.oid, f.oid, 'EXECUTE')
UNION ALL SELECT 'schema ' || n.nspname || ' ' || p FROM me, pg_namespace AS n, unnest('{USAGE,CREATE}'::text[]) AS p
	WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' AND has_schema_privilege(me.oid, n.oid, p)
UNION ALL SELECT 'database ' || p FROM me, unnest('{CREATE,CONNECT,TEMPORARY}'::text[]) AS p
	WHERE has_database_privilege(me.oid, current_database(), p)
UNION ALL SELECT 'owns ' || c.relname FROM me, pg_class AS c WHERE pg_has_role(me.oid, c.relowner, 'MEMBER')
UNION ALL SELECT 'member of ' || r.rolname FROM me, pg_roles AS r WHERE r.oid <> me.oid AND pg_has_role(me.oid, r.oid, 'MEMBER')
UNION ALL SELECT 'attribute' FROM pg_roles AS r, me WHERE (r.oid = me.oid OR pg_has_role(me.oid, r.oid, 'MEMBER'))
	AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
UNION ALL SELECT 'login of the group' FROM pg_roles WHERE rolname = 'credence_data' AND rolcanlogin
ORDER BY 1`

// allowed is what the data plane needs. The database's CONNECT and TEMPORARY
// and the use of the schema public are what PostgreSQL gives to everybody.
func allowed() []string {
	may := []string{
		"database CONNECT", "database TEMPORARY", "schema public USAGE", "member of credence_data", "schema credence USAGE",
		"function put_replica", "function reserve_quota", "function return_quota", "function ship_usage",
	}
	for table, columns := range map[string]string{
		"api_keys": `key_id namespace name owner key_type status status_reason environment plan scopes limits quotas networks hosts
			methods paths labels not_before expires_at limits_id grace_ends_at throttle key_hash pepper_id checksum_id created_at updated_at status_at version last_used_at`,
		"plans":            "namespace name limits quotas",
		"owners":           "namespace name limits quotas",
		"ip_blacklist":     "id namespace network reason source ends_at created_by created_at",
		"route_policies":   "name description namespaces scopes environment cost shadow anonymous hosts paths methods created_at updated_at version",
		"changes":          "revision change_id kind namespace object_id created key_hash at",
		"revision_counter": "only_row revision",
		"deployment":       "secrets_file fingerprint",
		"goose_db_version": "version_id is_applied",
		"river_migration":  "version line",
		"replicas":         "replica_id name address version applied_revision applied_id started_at seen_at left_at last_read ceiling",
	} {
		for column := range strings.FieldsSeq(columns) {
			may = append(may, "column "+table+"."+column+" SELECT")
		}
	}
	slices.Sort(may)
	return may
}

func TestTheDataPlanesRoleMayDoWhatItNeedsAndNothingElse(t *testing.T) {
	address := database(t)
	login := server.Login(t, address, "credence_data")
	got := pgserver.Query(t, address, strings.Replace(everythingItMay, "LOGIN", userOf(t, login), 1))
	slices.Sort(got)
	may := allowed()
	for _, privilege := range got {
		if !slices.Contains(may, privilege) {
			t.Errorf("the role may do more than it needs: %s", privilege)
		}
	}
	for _, privilege := range may {
		if !slices.Contains(got, privilege) {
			t.Errorf("the role lacks %s", privilege)
		}
	}
}

// What an operator granted by hand, or an earlier version did, is gone.
func TestMigrateTakesBackWhatTheRoleShouldNotHave(t *testing.T) {
	address := database(t)
	pgserver.Exec(t, address, "GRANT ALL ON ALL TABLES IN SCHEMA credence TO credence_data; GRANT CREATE ON SCHEMA credence TO PUBLIC; "+
		"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA credence TO PUBLIC; GRANT ALL ON ALL SEQUENCES IN SCHEMA credence TO credence_data; "+
		"GRANT SELECT (details) ON credence.api_key_audit_log TO credence_data")
	migrate(t, address)
	login := server.Login(t, address, "credence_data")
	got := pgserver.Query(t, address, strings.Replace(everythingItMay, "LOGIN", userOf(t, login), 1))
	slices.Sort(got)
	if !slices.Equal(got, allowed()) {
		t.Errorf("the role may do %s", strings.Join(got, "\n"))
	}
}

// planes are the two planes' views of one database.
func planes(t *testing.T) (control, data *postgres.DB, address string) {
	t.Helper()
	address = database(t)
	return open(t, options(address)), open(t, options(server.Login(t, address, "credence_data"))), address
}

func sampleKey(id string) store.Key {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return store.Key{
		KeyID: id, Namespace: "default", Name: "sample", KeyType: store.KeyTypeService, Status: store.StatusActive, Environment: "live",
		Hash: credential.Hash(credential.DigestOf([]byte(id))), CreatedAt: now, UpdatedAt: now, StatusAt: now, Version: 1,
	}
}

// insertKey writes a key and its change.
func insertKey(ctx context.Context, db *postgres.DB, k store.Key) (at store.Position, err error) {
	err = db.Transact(ctx, func(ctx context.Context, w store.Writer) error {
		if err := w.InsertKey(ctx, k); err != nil {
			return err
		}
		at, err = w.AppendChanges(ctx, []store.Change{{
			Kind: store.ChangeKey, Namespace: k.Namespace, ObjectID: k.KeyID, Created: true, Hash: k.Hash, At: k.CreatedAt,
		}})
		return err
	})
	return at, err
}

func TestTheWholeDataPlaneRunsAsItsRole(t *testing.T) {
	control, data, _ := planes(t)
	var plane store.DataPlane = data
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	k := sampleKey("key_1")
	at, err := insertKey(ctx, control, k)
	ok(err)
	rule := store.BlacklistRule{ID: "blk_1", Network: prefix("203.0.113.0/24"), CreatedAt: k.CreatedAt}
	ok(control.Transact(ctx, func(ctx context.Context, w store.Writer) error { return w.InsertBlacklistRule(ctx, rule) }))

	record, err := plane.FindKey(ctx, []credential.Hash{k.Hash})
	ok(err)
	if record.KeyID != k.KeyID {
		t.Errorf("found %q", record.KeyID)
	}
	_, err = plane.BlacklistRule(ctx, rule.ID)
	ok(err)
	rules, _, err := plane.BlacklistRules(ctx, []string{""}, store.Page{})
	ok(err)
	if len(rules) != 1 {
		t.Errorf("%d rules", len(rules))
	}
	_, err = plane.RoutePolicy(ctx, "nobody")
	refused(t, err, store.ErrNotFound)
	_, _, err = plane.RoutePolicies(ctx, store.Page{})
	ok(err)
	head, err := plane.Head(ctx)
	ok(err)
	if head != at {
		t.Errorf("head %v, want %v", head, at)
	}
	changes, err := plane.ChangesAfter(ctx, store.Position{}, 10)
	ok(err)
	if len(changes) != 1 {
		t.Errorf("%d changes", len(changes))
	}
	_, err = plane.ChangesAfter(ctx, head, 10)
	ok(err)
	wake := plane.Wake(ctx)
	_, err = insertKey(ctx, control, sampleKey("key_2"))
	ok(err)
	<-wake
	replica := store.Replica{ID: "rep_1", StartedAt: k.CreatedAt, SeenAt: k.CreatedAt}
	ok(plane.PutReplica(ctx, replica))
	replica.Applied = at
	ok(plane.PutReplica(ctx, replica))
	replicas, err := plane.Replicas(ctx, time.Time{})
	ok(err)
	if len(replicas) != 1 || replicas[0].Applied != at {
		t.Errorf("replicas: %v", replicas)
	}
	window := store.QuotaWindow{Subject: "key_1", Name: "daily", Start: k.CreatedAt, End: k.CreatedAt.Add(time.Hour)}
	granted, used, err := plane.ReserveQuota(ctx, window, 10, 100)
	ok(err)
	if granted != 10 || used != 10 {
		t.Errorf("granted %d, used %d", granted, used)
	}
	ok(plane.ReturnQuota(ctx, window, 5))
	ok(plane.AddUsage(ctx, store.UsageBatch{
		Replica: replica.ID, Sequence: 1, Started: k.CreatedAt, At: k.CreatedAt, Used: []store.KeyLastUse{{KeyID: k.KeyID, At: k.CreatedAt}},
	}))
	ok(data.Ping(ctx))
}

// What the data plane's login must not do is refused by the server, whatever
// the program tries.
func TestTheDataPlanesRoleIsRefusedEverythingElse(t *testing.T) {
	_, data, _ := planes(t)
	ctx := t.Context()
	write := func(fn func(w store.Writer) error) func() error {
		return func() error {
			return data.Transact(ctx, func(_ context.Context, w store.Writer) error { return fn(w) })
		}
	}
	for name, try := range map[string]func() error{
		"mint a key":             write(func(w store.Writer) error { return w.InsertKey(ctx, sampleKey("key_1")) }),
		"enqueue a job":          write(func(w store.Writer) error { return w.InsertJob(ctx, store.Job{Kind: "hello"}) }),
		"read audit entries":     func() error { _, err := data.AuditEntries(ctx, "default", 0, 1); return err },
		"read tokens":            func() error { _, _, err := data.Tokens(ctx, store.TokenFilter{}, store.Page{}); return err },
		"read owners' contacts":  func() error { _, _, err := data.Owners(ctx, nil, store.Page{}); return err },
		"remove replicas":        func() error { _, err := data.RemoveReplicas(ctx, time.Now()); return err },
		"ingest for others":      func() error { return data.IngestUsage(ctx, store.UsageBatch{Replica: "rep_1", Sequence: 1}) },
		"read usage":             func() error { _, err := data.UsageMinutes(ctx, "", time.Now(), time.Now(), 1); return err },
		"record usage gaps":      func() error { _, err := data.RecordUsageGaps(ctx, time.Now()); return err },
		"remove usage":           func() error { _, err := data.RemoveUsage(ctx, time.Now()); return err },
		"remove quotas":          func() error { _, err := data.RemoveQuotas(ctx, time.Now()); return err },
		"claim the secrets":      func() error { _, err := data.ClaimSecrets(ctx, store.SecretsFileSecrets, "sha256:aa"); return err },
		"read who made requests": func() error { _, err := data.Idempotency(ctx, "a", "b"); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDataPlaneComparesTheSecretsThatTheControlPlaneClaimed(t *testing.T) {
	control, data, _ := planes(t)
	_, err := data.ClaimSecrets(t.Context(), store.SecretsFileSecrets, "sha256:aa")
	refused(t, err, store.ErrUnavailable, "start the control plane first")
	if claimed, err := control.ClaimSecrets(t.Context(), store.SecretsFileSecrets, "sha256:aa"); err != nil || !claimed {
		t.Fatalf("claimed %t, %v", claimed, err)
	}
	if claimed, err := data.ClaimSecrets(t.Context(), store.SecretsFileSecrets, "sha256:aa"); err != nil || claimed {
		t.Errorf("claimed %t, %v", claimed, err)
	}
	_, err = data.ClaimSecrets(t.Context(), store.SecretsFileSecrets, "sha256:bb")
	refused(t, err, store.ErrForeignSecrets)
}

// A replica that was taken over could otherwise complete a receipt in the name
// of one that has not applied the change.
func TestAReplicaCannotReportInAnothersName(t *testing.T) {
	_, one, address := planes(t)
	other := open(t, options(server.Login(t, address, "credence_data")))
	now := time.Now().UTC().Truncate(time.Microsecond)
	row := store.Replica{ID: "rep_1", Name: "one", StartedAt: now, SeenAt: now}
	if err := one.PutReplica(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	forged := row
	forged.Applied, forged.LeftAt = store.Position{Revision: 99, ID: "chg_99"}, now
	refused(t, other.PutReplica(t.Context(), forged), store.ErrConflict, "another process")
	got, err := other.Replicas(t.Context(), time.Time{})
	if err != nil || len(got) != 1 || got[0] != row {
		t.Errorf("replicas %v, %v; want %v", got, err, row)
	}
}

// It could otherwise use up the numbers of another's batches, which would then
// be taken for delivered.
func TestAReplicaCannotDeliverUsageInAnothersName(t *testing.T) {
	_, one, address := planes(t)
	other := open(t, options(server.Login(t, address, "credence_data")))
	now := time.Now()
	if err := one.AddUsage(t.Context(), store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: now, At: now}); err != nil {
		t.Fatal(err)
	}
	forged := store.UsageBatch{Replica: "rep_1", Sequence: 2, Started: now, At: now}
	refused(t, other.AddUsage(t.Context(), forged), store.ErrConflict, "another process")
}

func TestALoginWithoutTheRoleIsToldWhatItLacks(t *testing.T) {
	address := database(t)
	_, err := postgres.Open(t.Context(), options(server.Login(t, address)))
	refused(t, err, store.ErrUnavailable, "permission denied", "member of credence_data")
}
