package postgres_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
	"credence/test/pgserver"
)

// stranger is somebody else with the login of a data plane: it says what it
// likes to the functions that the role may call.
type stranger struct {
	*pgx.Conn

	address string // of the owner
}

func newStranger(t *testing.T) stranger {
	t.Helper()
	control, _, address := planes(t)
	if _, err := insertKey(t.Context(), control, sampleKey("key_1")); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.Login(t, address, "credence_data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return stranger{conn, address}
}

// refused fails the test unless the call is refused for that reason.
func (s stranger) refused(t *testing.T, why, sql string, args ...any) {
	t.Helper()
	_, err := s.Exec(t.Context(), sql, args...)
	if err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: got %v, want %q", sql, err, why)
	}
}

func (s stranger) taken(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := s.Exec(t.Context(), sql, args...); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
}

const putReplica = `SELECT credence.put_replica(sha256('me'), coalesce($1, 'rep_1'), coalesce($2, 'pod'), 'a', 'v', 1, 'chg_1',
	coalesce($3, 'now')::timestamptz, coalesce($4, 'now')::timestamptz, $5::text::timestamptz, $6::text::timestamptz, coalesce($7, '1h')::interval)`

// TestAReplicaCannotReportWhatCannotBe: an instant that no clock shows would
// keep it alive for ever, or could not be read by those who wait for it.
func TestAReplicaCannotReportWhatCannotBe(t *testing.T) {
	s := newStranger(t)
	s.taken(t, putReplica, nil, nil, nil, nil, nil, nil, nil)
	s.refused(t, "more than 512 bytes", putReplica, strings.Repeat("r", 513), nil, nil, nil, nil, nil, nil)
	s.refused(t, "more than 512 bytes", putReplica, nil, strings.Repeat("n", 513), nil, nil, nil, nil, nil)
	for i := range 4 {
		args := make([]any, 7)
		args[2+i] = "-infinity"
		s.refused(t, "before the year 2000", putReplica, args...)
	}
	s.refused(t, "longer than 30 days", putReplica, nil, nil, nil, nil, nil, nil, "100000 years")
	s.refused(t, "has 32 bytes", "SELECT credence.put_replica('short', 'rep_2', 'n', 'a', 'v', 1, 'c', now(), current_timestamp, NULL::timestamptz, NULL, '1h')")
	s.refused(t, "violates check constraint", "SELECT credence.put_replica(sha256('me'), 'rep_2', 'n', 'a', 'v', -1, 'c', now(), current_timestamp, NULL::timestamptz, NULL, '1h')")
	s.taken(t, putReplica, nil, nil, "infinity", "infinity", "9999-01-01", "infinity", nil)
	late := pgserver.Query(t, s.address, "SELECT replica_id FROM credence.replicas WHERE greatest(started_at, seen_at, left_at, last_read) > now() + interval '2 minutes'")
	if len(late) != 0 {
		t.Errorf("a replica lives in the future: %q", late)
	}
}

func TestAStrangerCannotFillTheTableOfReplicas(t *testing.T) {
	s := newStranger(t)
	s.taken(t, putReplica, nil, nil, nil, nil, nil, nil, nil)
	pgserver.Exec(t, s.address, `INSERT INTO credence.replicas SELECT 'rep_x' || i, '', '', '', 1, '', now(), current_timestamp, NULL::timestamptz, NULL, '1h', sha256('x')
		FROM generate_series(2, 10000) AS i;
		INSERT INTO credence.usage_replicas SELECT 'rep_x' || i, sha256('x'), 1, now(), current_timestamp, NULL FROM generate_series(1, 10000) AS i`)
	s.refused(t, "10000 replicas already", putReplica, "rep_more", nil, nil, nil, nil, nil, nil)
	s.taken(t, putReplica, nil, nil, nil, nil, nil, nil, nil) // it is there
	s.refused(t, "10000 replicas have delivered already", shipUsage, batch(t, nil))
}

const reserve = "SELECT credence.reserve_quota(coalesce($1, 'key_1'), coalesce($2, 'daily'), coalesce($3, 'today')::timestamptz, coalesce($4, 'tomorrow')::timestamptz, coalesce($5::bigint, 1), 9223372036854775807)"

// TestAStrangerCannotInventQuotas of nobody, in numbers, or for all times.
func TestAStrangerCannotInventQuotas(t *testing.T) {
	s := newStranger(t)
	control := open(t, options(s.address))
	now := time.Now().UTC()
	team := store.Owner{Namespace: "default", Name: "team", CreatedAt: now, UpdatedAt: now, Version: 1}
	if err := control.Transact(t.Context(), func(ctx context.Context, w store.Writer) error { return w.InsertOwner(ctx, team) }); err != nil {
		t.Fatal(err)
	}
	s.taken(t, reserve, nil, nil, nil, nil, nil)
	s.taken(t, reserve, "owner:default/team", nil, nil, nil, nil)
	for _, nobody := range []string{"key_2", "owner:default/nobody", "owner:", "owner:default", "owner:default/team/x", "", "team"} {
		s.refused(t, "of a key or of an owner that is there", reserve, nobody, nil, nil, nil, nil)
	}
	s.refused(t, "more than 512 bytes", reserve, nil, strings.Repeat("n", 513), nil, nil, nil)
	s.refused(t, "has begun and is no longer than a month", reserve, nil, nil, "tomorrow", "infinity", nil)
	s.refused(t, "has begun and is no longer than a month", reserve, nil, nil, "-infinity", nil, nil)
	s.refused(t, "has begun and is no longer than a month", reserve, nil, nil, "2100-01-01", "2100-01-02", nil)
	s.refused(t, "has begun and is no longer than a month", reserve, nil, nil, nil, "2100-01-02", nil) // of the window that is there
	s.refused(t, "units are asked for at once", reserve, nil, nil, nil, nil, int64(1e12+1))
	for range 3 { // never beyond what a number holds
		s.taken(t, reserve, nil, nil, nil, nil, int64(1e12))
	}
	pgserver.Exec(t, s.address, "INSERT INTO credence.quota_counters SELECT 'key_1', 'x' || i, now(), now() + interval '1 day', 1 FROM generate_series(2, 4096) AS i")
	s.refused(t, "4096 windows of the subject", reserve, nil, "more", nil, nil, nil)
	s.taken(t, reserve, nil, nil, nil, nil, nil)
	s.taken(t, "SELECT credence.return_quota('key_1', 'daily', 'today', -9223372036854775808)")
	s.taken(t, "SELECT credence.return_quota('key_1', 'daily', 'today', 9223372036854775807)")
	if used := pgserver.Query(t, s.address, "SELECT used::text FROM credence.quota_counters WHERE subject = 'key_1' AND name = 'daily'"); len(used) != 1 || used[0] != "0" {
		t.Errorf("used %q, want 0", used)
	}
}

const shipUsage = "SELECT credence.ship_usage(sha256('me'), $1::text::jsonb)"

// batch is one that is taken, but for what is said.
func batch(t *testing.T, but map[string]any) string {
	t.Helper()
	now := time.Now().UTC()
	b := map[string]any{
		"replica": "rep_1", "sequence": 1, "started": now, "at": now, "earliest": now.Truncate(time.Minute),
		"keys": []any{usageRow(nil)}, "used": []any{map[string]any{"key_id": "key_1", "at": now, "networks": []string{"192.0.2.0"}, "address": "192.0.2.1"}},
		"failing": []any{failingRow(nil)}, "agents": []any{agentRow(nil)},
	}
	maps.Copy(b, but)
	out, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func usageRow(but map[string]any) map[string]any {
	row := map[string]any{
		"key_id": "key_1", "minute": time.Now().UTC().Truncate(time.Minute), "reason": "allowed", "policy": "", "minutes": 1, "checks": 1,
		"latency_us": 1, "addresses": hex.EncodeToString(make([]byte, 128)),
	}
	maps.Copy(row, but)
	return row
}

func failingRow(but map[string]any) map[string]any {
	row := map[string]any{"minute": time.Now().UTC().Truncate(time.Minute), "reason": "unknown_key", "address": "192.0.2.1", "checks": 1, "uncertain": 0}
	maps.Copy(row, but)
	return row
}

func agentRow(but map[string]any) map[string]any {
	row := map[string]any{
		"key_id": "key_1", "start_at": time.Now().UTC().Truncate(time.Hour), "agent": "!#$%&'*+-.^_`|~az09", "checks": 1, "denied": 1, "latency_us": 1,
	}
	maps.Copy(row, but)
	return row
}

// TestAStrangerCannotDeliverUsageThatCannotBe: it would stand in reports, end
// the passes of the control plane that sum it, or fill the database.
func TestAStrangerCannotDeliverUsageThatCannotBe(t *testing.T) {
	s := newStranger(t)
	many := make([]any, 10001)
	for i := range many {
		many[i] = usageRow(map[string]any{"reason": fmt.Sprint("r", i)})
	}
	used := func(but map[string]any) map[string]any {
		row := map[string]any{"key_id": "key_1", "at": time.Now().UTC(), "networks": []string{}, "address": nil}
		maps.Copy(row, but)
		return map[string]any{"used": []any{row}}
	}
	long := strings.Repeat("x", 513)
	for _, tc := range []struct {
		why string
		but map[string]any
	}{
		{"the id of a replica", map[string]any{"replica": ""}},
		{"the id of a replica", map[string]any{"replica": long}},
		{"the number of a batch", map[string]any{"sequence": 0}},
		{"the number of a batch", map[string]any{"sequence": int64(1) << 62}},
		{"an hour from now", map[string]any{"at": "infinity"}},
		{"an hour from now", map[string]any{"at": nil}},
		{"an hour from now", map[string]any{"started": "-infinity"}},
		{"an hour from now", map[string]any{"at": time.Now().Add(2 * time.Hour)}},
		{"more than 10000 rows", map[string]any{"keys": many}},
		{"more than 10000 rows", map[string]any{"used": many}},
		{"more than 10000 rows", map[string]any{"failing": many}},
		{"more than 10000 rows", map[string]any{"agents": many}},
		{"a key was last used", used(map[string]any{"at": "infinity"})},
		{"a key was last used", used(map[string]any{"at": time.Now().Add(2 * time.Hour)})},
		{"a key was last used", used(map[string]any{"at": nil})},
	} {
		s.refused(t, tc.why, shipUsage, batch(t, tc.but))
	}
	for name, values := range map[string][]any{
		"minute": {"infinity", "-infinity", "1970-01-01T00:00:00Z", time.Now().Add(2 * time.Hour), nil}, "minutes": {0, -1, 1 << 30, nil},
		"checks": {-1, int64(1e12 + 1), nil}, "latency_us": {-1, int64(1e14 + 1), nil}, "addresses": {"", "00", nil},
		"key_id": {long}, "reason": {long}, "policy": {long},
	} {
		for _, value := range values {
			s.refused(t, "usage: no replica counts", shipUsage, batch(t, map[string]any{"keys": []any{usageRow(map[string]any{name: value})}}))
		}
	}
	for name, values := range map[string][]any{
		"minute": {"infinity", "-infinity", nil}, "checks": {-1, int64(1e12 + 1), nil}, "uncertain": {-1, int64(1e12 + 1)}, "reason": {long},
	} {
		for _, value := range values {
			s.refused(t, "usage: no address is refused", shipUsage, batch(t, map[string]any{"failing": []any{failingRow(map[string]any{name: value})}}))
		}
	}
	for name, values := range map[string][]any{
		"start_at": {"infinity", "-infinity", "1970-01-01T00:00:00Z", "2024-05-06T00:01:00Z", time.Now().Add(2 * time.Hour).Truncate(time.Hour), nil},
		"checks":   {-1, int64(1e12 + 1), nil}, "denied": {-1, int64(1e12 + 1), nil}, "latency_us": {-1, int64(1e14 + 1), nil}, "key_id": {long, nil},
		"agent": {"", strings.Repeat("x", 33), "Curl", "a b", "a/1", "a\nb", "a\n", "ü", "a\"b", nil},
	} {
		for _, value := range values {
			s.refused(t, "usage: no family of user agents", shipUsage, batch(t, map[string]any{"agents": []any{agentRow(map[string]any{name: value})}}))
		}
	}
	s.refused(t, "has 32 bytes", "SELECT credence.ship_usage(NULL, $1::text::jsonb)", batch(t, nil))
	s.refused(t, "has 32 bytes", "SELECT credence.ship_usage('', $1::text::jsonb)", batch(t, nil))
	if rows := pgserver.Query(t, s.address, "SELECT 'minute' FROM credence.usage_minute UNION ALL SELECT 'replica' FROM credence.usage_replicas"); len(rows) != 0 {
		t.Errorf("something of it was kept: %q", rows)
	}
	s.taken(t, shipUsage, batch(t, nil))
}

// TestSumsOfUsageCannotOverflow, whatever is delivered: the control plane could
// not go on summing.
func TestSumsOfUsageCannotOverflow(t *testing.T) {
	s := newStranger(t)
	hour := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Hour)
	sequence := 0
	ship := func(at time.Time) error {
		sequence++
		row := usageRow(map[string]any{"minute": at, "checks": int64(1e12), "latency_us": int64(1e14)})
		_, err := s.Exec(t.Context(), shipUsage, batch(t, map[string]any{"sequence": sequence, "earliest": at, "keys": []any{row}}))
		return err
	}
	fill := func(at time.Time, most int) {
		t.Helper()
		for range most {
			if err := ship(at); err != nil {
				if !strings.Contains(err.Error(), "usage_minute_latency_us_check") {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatal("a minute takes everything")
	}
	for minute := range 3 {
		fill(hour.Add(time.Duration(minute)*time.Minute), 20)
	}
	control := open(t, options(s.address))
	for more := true; more; {
		var err error
		if more, err = control.RollUsage(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	pgserver.Exec(t, s.address, "UPDATE credence.usage_hour SET latency_us = 100000000000000000")
	if err := ship(hour.Add(30 * time.Minute)); err == nil || !strings.Contains(err.Error(), "an hour that is over") {
		t.Errorf("an hour that is over takes everything: %v", err)
	}
	pgserver.Exec(t, s.address, "UPDATE credence.usage_hour SET latency_us = 0; UPDATE credence.usage_day SET latency_us = 4000000000000000000; "+
		"UPDATE credence.usage_rolled SET hours_before = minutes_before")
	if err := ship(hour.Add(31 * time.Minute)); err == nil || !strings.Contains(err.Error(), "a day that is over") {
		t.Errorf("a day that is over takes everything: %v", err)
	}
}

// TestBatchesThatWaitForOthersAreBounded, and numbers end before a bigint does.
func TestBatchesThatWaitForOthersAreBounded(t *testing.T) {
	s := newStranger(t)
	s.taken(t, shipUsage, batch(t, map[string]any{"sequence": 1}))
	pgserver.Exec(t, s.address, "INSERT INTO credence.usage_ahead SELECT 'rep_1', i, now(), now() FROM generate_series(3, 100002) AS i")
	s.refused(t, "wait for one before them", shipUsage, batch(t, map[string]any{"sequence": 200000}))
	s.taken(t, shipUsage, batch(t, map[string]any{"sequence": 2}))
	control := open(t, options(s.address))
	arrived, err := control.UsageArrivals(t.Context())
	if err != nil || len(arrived) != 1 {
		t.Fatalf("%v, %v", arrived, err)
	}
	s.taken(t, shipUsage, batch(t, map[string]any{"sequence": int64(1e15)}))
	if _, err := control.RecordUsageGaps(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Errorf("the pass of the control plane ends: %v", err)
	}
	err = control.AddUsage(t.Context(), store.UsageBatch{Replica: "rep_1", Sequence: 3, Started: time.Now(), At: time.Now()})
	refused(t, err, store.ErrConflict, "another process")
}
