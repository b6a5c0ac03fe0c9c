package management_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// retaining is the fixture's service with something to clean.
func (f *fixture) retaining(r management.Retention, anchors ...management.Anchor) *management.Service {
	f.t.Helper()
	s, err := management.New(management.Options{
		Store: f.store, Secrets: f.secrets, Random: rand.Reader, Now: f.clock, Retention: r, Anchors: anchors,
		Logger: slog.New(slog.NewJSONHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(f.t, err)
	return s
}

// pass runs a cleanup as the control plane does.
func pass(t *testing.T, s *management.Service, name string) store.CleanupReport {
	t.Helper()
	report, err := s.CleanupPass(t.Context(), name)
	must(t, err)
	return report
}

func dryRun(t *testing.T, s *management.Service, name string) management.CleanupDone {
	t.Helper()
	done, err := s.CleanupRun(t.Context(), global, management.CleanupRun{Name: name, DryRun: true})
	must(t, err)
	return done
}

// acted is how many entries of an action a chain has.
func (f *fixture) acted(namespace, action string) (n int) {
	f.t.Helper()
	for _, e := range f.entries(namespace) {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestTheEndOfAKeysLifeIsAnnouncedOnceForEachEnd(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{})
	hook := f.hook("a", "key.expired")
	k := f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "1h"}).Key
	f.key(management.KeyCreate{Namespace: "a"}) // never ends
	gone := f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "1h"}).Key
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: gone.KeyID})
	must(t, err)
	f.advance(time.Hour - time.Microsecond)
	if got := pass(t, s, "expired-keys"); got.Done != 0 {
		t.Errorf("announced before the end: %+v", got)
	}
	f.advance(time.Microsecond)
	if would := dryRun(t, s, "expired-keys"); would.Done != 1 || would.Items[0].Object != "key:"+k.KeyID || !would.Items[0].Since.Equal(k.ExpiresAt) {
		t.Errorf("a dry run says %+v", would)
	}
	for range 3 {
		pass(t, s, "expired-keys")
	}
	if told := types(f.told(hook.Webhook.ID)); told != "key.expired" {
		t.Errorf("webhooks are told %q", told)
	}
	entry, d := f.last("a")
	if f.acted("a", "key.expire") != 1 || entry.Actor != "job:cleanup" || entry.KeyID != k.KeyID || d.After["expires_at"] != k.ExpiresAt.Format(time.RFC3339Nano) {
		t.Errorf("%d entries, the last is %+v %v", f.acted("a", "key.expire"), entry, d)
	}
	// It lives again, and ends again.
	read, err := f.KeyRead(t.Context(), global, k.KeyID)
	must(t, err)
	if read.Version != k.Version {
		t.Error("announcing counts as a version: whoever read the key before cannot change it")
	}
	_, err = f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: k.KeyID, Version: read.Version, ExpiresIn: management.Set("1h")})
	must(t, err)
	f.advance(time.Hour)
	pass(t, s, "expired-keys")
	if got := f.acted("a", "key.expire"); got != 2 {
		t.Errorf("%d entries for two ends", got)
	}
}

func TestTwoControlPlanesAnnounceEachEndOnce(t *testing.T) {
	f := newFixture(t)
	const keys = 30
	for range keys {
		f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "1m"})
	}
	f.advance(time.Minute)
	var both sync.WaitGroup
	for range 2 {
		s := f.retaining(management.Retention{})
		both.Go(func() {
			if _, err := s.CleanupPass(t.Context(), "expired-keys"); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if got := f.acted("a", "key.expire"); got != keys {
		t.Errorf("%d entries for %d keys", got, keys)
	}
}

func TestARotationWhoseJobWasLostIsClosed(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{})
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: k.KeyID, Grace: "1h"})
	must(t, err)
	f.advance(time.Hour + time.Minute)
	if got := pass(t, s, "rotations"); got.Done != 0 {
		t.Error("closed before its job could have done it")
	}
	f.advance(5 * time.Minute)
	if would := dryRun(t, s, "rotations"); would.Done != 1 || would.Items[0].Object != "key:"+k.KeyID {
		t.Errorf("a dry run says %+v", would)
	}
	for range 2 {
		pass(t, s, "rotations")
	}
	read, err := f.KeyRead(t.Context(), global, k.KeyID)
	must(t, err)
	if read.Status != store.StatusRevoked || f.acted("a", "key.rotation_close") != 1 {
		t.Errorf("key is %s", read.Status)
	}
}

func TestRevokedKeysArePurgedAfterTheirRetentionAndNotBefore(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{RevokedKeys: 24 * time.Hour})
	old, young, live := f.key(management.KeyCreate{Namespace: "a"}).Key, f.key(management.KeyCreate{Namespace: "b"}).Key, f.key(management.KeyCreate{Namespace: "a"}).Key
	revoke := func(k store.Key) {
		_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID})
		must(t, err)
	}
	revoke(old)
	f.advance(time.Microsecond)
	revoke(young)
	f.advance(24 * time.Hour)
	if would := dryRun(t, s, "revoked-keys"); would.Done != 1 || would.Items[0].Object != "key:"+old.KeyID || f.acted("a", "key.purge") != 0 {
		t.Errorf("a dry run says %+v", would)
	}
	report := pass(t, s, "revoked-keys")
	if report.Done != 1 || report.More || report.Problem != "" {
		t.Errorf("report %+v", report)
	}
	for id, want := range map[string]store.Status{old.KeyID: store.StatusPurged, young.KeyID: store.StatusRevoked, live.KeyID: store.StatusActive} {
		k, err := f.KeyRead(t.Context(), global, id)
		must(t, err)
		if k.Status != want {
			t.Errorf("%s is %s, want %s", id, k.Status, want)
		}
	}
	if entry, _ := f.last("a"); entry.Action != "key.purge" || entry.Details != nil {
		t.Errorf("entry %+v", entry)
	}
}

func TestAKeyThatCannotBeCleanedDoesNotKeepTheOthersFromIt(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{RevokedKeys: 24 * time.Hour})
	var all []store.Key
	for range 3 {
		k := f.key(management.KeyCreate{Namespace: "a"}).Key
		_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID})
		must(t, err)
		all = append(all, k)
	}
	f.damage("CREATE TRIGGER stuck BEFORE UPDATE ON api_keys WHEN OLD.key_id = '" + all[1].KeyID + "' BEGIN SELECT RAISE(ABORT, 'stuck'); END")
	f.advance(25 * time.Hour)
	report, err := s.CleanupPass(t.Context(), "revoked-keys")
	if err == nil || report.Done != 2 || report.Problem == "" {
		t.Errorf("report %+v, %v", report, err)
	}
	f.damage("DROP TRIGGER stuck")
	if report := pass(t, s, "revoked-keys"); report.Done != 1 || report.Problem != "" {
		t.Errorf("report %+v", report)
	}
}

func TestRowsThatAreOldAreRemovedAndADryRunCountsThem(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{Idempotency: 24 * time.Hour, Changes: 24 * time.Hour, Usage: 24 * time.Hour})
	const some = 3
	for i := range some {
		name := fmt.Sprint("p", i)
		_, err := f.PlanCreate(t.Context(), global, management.PlanCreate{Name: name, Idempotency: management.Idempotency{Key: name}})
		must(t, err)
		_, _, err = f.store.ReserveQuota(t.Context(), store.QuotaWindow{Subject: name, Name: "daily", Start: start.Add(-time.Hour), End: start}, 1, 10)
		must(t, err)
		must(t, f.store.PutReplica(t.Context(), store.Replica{ID: "rep_" + name, StartedAt: start, SeenAt: start}))
		must(t, f.store.IngestUsage(t.Context(), store.UsageBatch{
			Replica: "rep_" + name, Sequence: 1, Started: start, At: start, Final: true,
			Keys: []store.KeyUsage{{Minute: start.Truncate(time.Minute), Minutes: 1, KeyID: name, Reason: "allowed", Checks: 1}},
		}))
	}
	for _, name := range []string{"usage", "idempotency", "changes", "quotas", "replicas"} {
		if got := pass(t, s, name); got.Done != 0 {
			t.Errorf("%s: %d of what is not old", name, got.Done)
		}
	}
	f.advance(9 * 24 * time.Hour)
	for _, name := range []string{"usage", "idempotency", "changes", "quotas", "replicas"} {
		would := dryRun(t, s, name)
		did := pass(t, s, name)
		if would.Done == 0 || would.Done != did.Done || pass(t, s, name).Done != 0 {
			t.Errorf("%s: a dry run says %d, it did %d", name, would.Done, did.Done)
		}
	}
}

func TestWhatIsKeptForEverIsNeitherPassedOverNorRun(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{Usage: time.Hour})
	every := s.CleanupEvery()
	for name, want := range map[string]bool{"usage": true, "audit": false, "revoked-keys": false, "expired-keys": true, "replicas": true} {
		if _, runs := every[name]; runs != want {
			t.Errorf("%s runs: %v", name, runs)
		}
	}
	_, err := s.CleanupRun(t.Context(), global, management.CleanupRun{Name: "revoked-keys"})
	refused(t, err, management.CodeConflict)
	if !strings.Contains(err.Error(), "--revoked-retention") {
		t.Errorf("the remedy is not named: %v", err)
	}
	_, err = s.CleanupRun(t.Context(), global, management.CleanupRun{Name: "nonsense"})
	refused(t, err, management.CodeNotFound)
	_, err = s.CleanupRun(t.Context(), onlyA, management.CleanupRun{Name: "usage"})
	refused(t, err, management.CodeForbidden)
}

func TestTheLastRunOfACleanupIsShown(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{RevokedKeys: 24 * time.Hour})
	find := func(a management.Actor, name string) management.Cleanup {
		all, err := s.CleanupList(t.Context(), a)
		must(t, err)
		at := slices.IndexFunc(all, func(c management.Cleanup) bool { return c.Name == name })
		if at < 0 {
			t.Fatalf("no cleanup %s", name)
		}
		return all[at]
	}
	if c := find(global, "revoked-keys"); !c.Last.At.IsZero() || c.Keep != 24*time.Hour || !c.Aged {
		t.Errorf("before the first run: %+v", c)
	}
	_, err := s.CleanupRun(t.Context(), global, management.CleanupRun{Name: "revoked-keys"})
	must(t, err)
	if c := find(global, "revoked-keys"); c.Last.By != global.ID || !c.Last.At.Equal(start) {
		t.Errorf("after a run: %+v", c)
	}
	if entry, _ := f.last(""); entry.Action != "cleanup.run" || entry.Object != "cleanup:revoked-keys" || entry.Actor != global.ID {
		t.Errorf("entry %+v", entry)
	}
	if c := find(onlyA, "revoked-keys"); !c.Last.At.IsZero() {
		t.Error("an actor of one namespace is told what was done in all")
	}
	before := len(f.entries(""))
	dryRun(t, s, "revoked-keys")
	if len(f.entries("")) != before {
		t.Error("a dry run left an entry")
	}
}

func TestARotationThatIsDueIsAnnouncedOnceAheadOfIt(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{})
	k := f.key(management.KeyCreate{Namespace: "a", Name: "orders"}).Key
	f.key(management.KeyCreate{Namespace: "a", KeyType: "user"}) // of another type
	policies, err := f.store.KeyPolicies(t.Context(), "a")
	must(t, err)
	_, err = s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{
		Namespace: "a", KeyType: "service", Version: policies[1].Version, RotateEvery: management.Set("720h"), WarnBefore: management.Set("24h"),
	})
	must(t, err)
	f.advance(719*time.Hour - 24*time.Hour)
	if got := pass(t, s, "due-rotations"); got.Done != 0 {
		t.Error("announced too early")
	}
	f.advance(time.Hour)
	if would := dryRun(t, s, "due-rotations"); would.Done != 1 {
		t.Errorf("a dry run says %+v", would)
	}
	for range 2 {
		pass(t, s, "due-rotations")
	}
	entry, d := f.last("a")
	due := k.CreatedAt.Add(720 * time.Hour).Format(time.RFC3339Nano)
	if f.acted("a", "key.rotation_due") != 1 || entry.KeyID != k.KeyID || d.After["rotation_due"] != due {
		t.Errorf("entry %+v %v", entry, d)
	}
	if !strings.Contains(f.log.String(), "key is to be rotated") {
		t.Error("the log does not warn")
	}
}

// heldLines is an anchor in memory.
type heldLines struct {
	name  string
	err   error
	lines []string
}

func (h *heldLines) Name() string { return h.name }

func (h *heldLines) Hold(_ context.Context, lines []byte) error {
	if h.err != nil {
		return h.err
	}
	h.lines = append(h.lines, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")...)
	return nil
}

func TestAKeysOwnIntervalStandsAboveThatOfItsPolicy(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{})
	policies, err := f.store.KeyPolicies(t.Context(), "a")
	must(t, err)
	_, err = s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{Namespace: "a", KeyType: "service", Version: policies[1].Version, RotateEvery: management.Set("720h")})
	must(t, err)
	own, other := f.key(management.KeyCreate{Namespace: "a", RotateEvery: "200h"}).Key, f.key(management.KeyCreate{Namespace: "a"}).Key
	never := f.key(management.KeyCreate{Namespace: "b"}).Key
	due := func() map[string]time.Time {
		t.Helper()
		k, err := f.KeyRead(t.Context(), global, own.KeyID)
		must(t, err)
		due, err := s.RotationsDue(t.Context(), k, other, never)
		must(t, err)
		return due
	}
	got := due()
	if len(got) != 2 || !got[own.KeyID].Equal(start.Add(200*time.Hour)) || !got[other.KeyID].Equal(start.Add(720*time.Hour)) {
		t.Errorf("due %v", got)
	}
	// The policy warns a week ahead, unless it says otherwise.
	f.advance(200*time.Hour - 7*24*time.Hour)
	pass(t, s, "due-rotations")
	entry, d := f.last("a")
	if entry.Action != "key.rotation_due" || entry.KeyID != own.KeyID || d.After["rotation_due"] != start.Add(200*time.Hour).Format(time.RFC3339Nano) {
		t.Errorf("entry %+v %v", entry, d)
	}
	_, err = s.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: own.KeyID, Version: own.Version, RotateEvery: management.Set("")})
	must(t, err)
	if got := due(); !got[own.KeyID].Equal(start.Add(720 * time.Hour)) {
		t.Errorf("without its own: due %v", got)
	}
	made, err := s.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: own.KeyID, Grace: "0s"})
	must(t, err)
	due2, err := s.RotationsDue(t.Context(), made.Previous)
	must(t, err)
	if len(due2) != 0 {
		t.Error("a key that has a successor is due")
	}
	_, err = f.KeyCreate(t.Context(), global, management.KeyCreate{Namespace: "a", Name: "x", RotateEvery: "59m"})
	blames(t, err, "rotate_every")
}
