package anomaly_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
	"credence/store/seal"
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// desk is a watch over a real store.
type desk struct {
	*testing.T
	store    *store.Store
	watch    *anomaly.Watch
	now      time.Time
	sequence int64
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, now: noon}
	keyset, err := seal.NewKeyset()
	must(t, err)
	now := func() time.Time { return d.now }
	d.store = store.New(database(t, now), keyset, now)
	d.watch, err = anomaly.New(anomaly.Options{Store: d.store, Findings: findings{d.store}, Now: now, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	return d
}

// findings writes findings down as the control plane does, and does nothing
// about them.
type findings struct{ store *store.Store }

func (f findings) AnomalySee(ctx context.Context, a store.Anomaly) (stored store.Anomaly, fresh bool, err error) {
	_, err = f.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		if a.ID, err = store.NewID(store.AnomalyIDPrefix, tx.Now(), rand.Reader); err != nil {
			return err
		}
		if stored, fresh, err = tx.SeeAnomaly(ctx, a); fresh {
			tx.Audit(store.AuditRecord{Namespace: a.Namespace, Actor: "job:anomalies", Action: "anomaly.open", Object: "anomaly:" + a.ID})
		}
		return err
	})
	return stored, fresh && err == nil, err
}

func (d *desk) key(id string, kind store.KeyType, created time.Time) {
	d.Helper()
	_, err := d.store.InTx(d.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Namespace: "default", Actor: "system", Action: "key.create", Object: "key:" + id})
		k := store.Key{KeyID: id, Namespace: "default", KeyType: kind, Status: store.StatusActive, CreatedAt: created, UpdatedAt: created, Version: 1}
		copy(k.Hash[:], id)
		return tx.InsertKey(ctx, k)
	})
	must(d.T, err)
}

func (d *desk) add(b store.UsageBatch) {
	d.Helper()
	d.sequence++
	b.Replica, b.Sequence, b.Started, b.At = "rep_1", d.sequence, noon, d.now
	must(d.T, d.store.AddUsage(d.Context(), b))
}

func (d *desk) count(key, reason string, minute time.Time, checks int64) {
	d.Helper()
	d.add(store.UsageBatch{Keys: []store.KeyUsage{{Minute: minute.Truncate(time.Minute), Minutes: 1, KeyID: key, Reason: reason, Checks: checks}}})
}

// found runs a pass and answers all findings, oldest first.
func (d *desk) found(wantFresh int) []string {
	d.Helper()
	fresh, err := d.watch.RunOnce(d.Context())
	must(d.T, err)
	if fresh != wantFresh {
		d.Errorf("%d new findings, want %d", fresh, wantFresh)
	}
	all, _, err := d.store.Anomalies(d.Context(), store.AnomalyFilter{}, store.Page{})
	must(d.T, err)
	var types []string
	for _, a := range all {
		types = append(types, a.Type+" "+a.Namespace)
	}
	slices.Sort(types)
	return types
}

// TestOnePassFindsWhatTheLastSecondsShowAndTellsOfItOnce is the way of an
// urgent finding: the pass runs every 5 seconds, and usage comes every second.
func TestOnePassFindsWhatTheLastSecondsShowAndTellsOfItOnce(t *testing.T) {
	d := newDesk(t)
	d.key("key_dead", store.KeyTypeService, noon.AddDate(0, -1, 0))
	d.key("key_emergency", store.KeyTypeEmergency, noon.Add(-time.Hour))
	d.count("key_dead", "revoked", d.now, 5)
	d.count("key_gone", "revoked", d.now, 5) // nobody has it: no finding, and no error
	d.add(store.UsageBatch{
		Used:    []store.KeyLastUse{{KeyID: "key_emergency", At: d.now, Address: netip.MustParseAddr("192.0.2.7")}},
		Failing: []store.FailingAddress{{Minute: d.now.Truncate(time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.9"), Checks: 500}},
	})
	want := []string{"brute_force ", "dead_key_used default", "emergency_used default"}
	if got := d.found(3); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	d.now = d.now.Add(5 * time.Second)
	d.count("key_dead", "revoked", d.now, 50)
	if got := d.found(0); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q still", got, want)
	}
	merged, err := d.store.LatestAnomaly(t.Context(), anomaly.DeadKeyUsed, "key:key_dead")
	must(t, err)
	if merged.Evidence.Observed != 55 || merged.LastAt.After(d.now) {
		t.Errorf("merged into %+v", merged)
	}
}

func TestANetworkThatIsNewIsFoundOnTheStore(t *testing.T) {
	d := newDesk(t)
	d.key("key_1", store.KeyTypeService, noon.AddDate(0, -2, 0))
	use := func(at time.Time, network string) {
		d.add(store.UsageBatch{Used: []store.KeyLastUse{{KeyID: "key_1", At: at, Networks: []netip.Addr{netip.MustParseAddr(network)}}}})
	}
	use(noon.AddDate(0, -1, 0), "192.0.2.0")
	use(noon, "192.0.2.0")
	if got := d.found(0); len(got) != 0 {
		t.Errorf("found %q where the key always was", got)
	}
	use(noon, "198.51.100.0")
	if got := d.found(1); !slices.Equal(got, []string{"new_network default"}) {
		t.Errorf("found %q", got)
	}
}

// TestAnHourIsJudgedOnceItIsOverAgainstTheWeeksBefore on a real store: from
// what is counted to the finding.
func TestAnHourIsJudgedOnceItIsOverAgainstTheWeeksBefore(t *testing.T) {
	d := newDesk(t)
	began := noon.AddDate(0, 0, -40)
	for _, id := range []string{"key_steady", "key_stolen", "key_night", "key_silent"} {
		d.key(id, store.KeyTypeService, began)
	}
	var b store.UsageBatch
	put := func(id string, at time.Time, checks int64) {
		b.Keys = append(b.Keys, store.KeyUsage{Minute: at, Minutes: 1, KeyID: id, Reason: "allowed", Checks: checks})
	}
	for day := range 40 {
		at := began.AddDate(0, 0, day)
		put("key_steady", at, 100)
		put("key_stolen", at, 100)
		put("key_night", at.Add(-6*time.Hour), 100)
	}
	put("key_silent", began, 10)
	put("key_steady", noon, 110)
	put("key_stolen", noon, 5000)
	put("key_night", noon, 10)
	put("key_silent", noon, 1)
	d.add(b)
	for {
		more, err := d.store.RollUsage(t.Context(), noon.Add(time.Minute))
		must(t, err)
		if !more {
			break
		}
	}
	d.now = noon.Add(time.Hour)
	if got := d.found(0); len(got) != 0 {
		t.Errorf("found %q before what belongs to the hour can have come", got)
	}
	d.now = noon.Add(time.Hour + 5*time.Minute)
	if got := d.found(3); !slices.Equal(got, []string{"after_silence default", "rate_change default", "unusual_hours default"}) {
		t.Errorf("found %q", got)
	}
	for kind, id := range map[string]string{anomaly.RateChange: "key_stolen", anomaly.UnusualHours: "key_night", anomaly.AfterSilence: "key_silent"} {
		if _, err := d.store.LatestAnomaly(t.Context(), kind, "key:"+id); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	d.found(0)
}

// brokenStore reads no refusals.
type brokenStore struct{ *store.Store }

var errAway = errors.New("away")

func (brokenStore) DeniedMinutes(context.Context, time.Time, time.Time, int) ([]store.UsageMinute, error) {
	return nil, errAway
}

func TestAnErrorOfOnePartDoesNotKeepThePassFromTheOthers(t *testing.T) {
	d := newDesk(t)
	d.key("key_1", store.KeyTypeService, noon.AddDate(0, -2, 0))
	for _, use := range []struct {
		at      time.Time
		network string
	}{{noon.AddDate(0, -1, 0), "192.0.2.0"}, {noon, "198.51.100.0"}} {
		d.add(store.UsageBatch{Used: []store.KeyLastUse{{KeyID: "key_1", At: use.at, Networks: []netip.Addr{netip.MustParseAddr(use.network)}}}})
	}
	w, err := anomaly.New(anomaly.Options{
		Store: brokenStore{d.store}, Findings: findings{d.store}, Now: func() time.Time { return d.now }, Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	if fresh, err := w.RunOnce(t.Context()); fresh != 1 || !errors.Is(err, errAway) {
		t.Errorf("%d findings, %v", fresh, err)
	}
}

// broken writes the first finding down at the second attempt only.
type broken struct {
	findings

	tried int
}

func (b *broken) AnomalySee(ctx context.Context, a store.Anomaly) (store.Anomaly, bool, error) {
	if b.tried++; b.tried == 1 {
		return store.Anomaly{}, false, errAway
	}
	return b.findings.AnomalySee(ctx, a)
}

// TestAFindingThatCannotBeWrittenDownKeepsNoOtherFromIt, and that of an hour is
// written down by the next pass.
func TestAFindingThatCannotBeWrittenDownKeepsNoOtherFromIt(t *testing.T) {
	d := newDesk(t)
	var b store.UsageBatch
	for _, id := range []string{"key_1", "key_2"} {
		d.key(id, store.KeyTypeService, noon.AddDate(0, 0, -40))
		for _, at := range []time.Time{noon.AddDate(0, 0, -40), noon} {
			b.Keys = append(b.Keys, store.KeyUsage{Minute: at, Minutes: 1, KeyID: id, Reason: "allowed", Checks: 1})
		}
	}
	for day := range 40 { // usage was counted all the time
		b.Keys = append(b.Keys, store.KeyUsage{Minute: noon.AddDate(0, 0, -day-1), Minutes: 1, KeyID: "key_steady", Reason: "allowed", Checks: 1})
	}
	d.add(b)
	for more := true; more; {
		var err error
		more, err = d.store.RollUsage(t.Context(), noon.Add(time.Minute))
		must(t, err)
	}
	d.now = noon.Add(65 * time.Minute)
	at := &broken{findings: findings{d.store}}
	w, err := anomaly.New(anomaly.Options{Store: d.store, Findings: at, Now: func() time.Time { return d.now }, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	for _, want := range []int{1, 1, 0} {
		if fresh, err := w.RunOnce(t.Context()); fresh != want {
			t.Errorf("%d findings are new, want %d (%v)", fresh, want, err)
		}
	}
}

func TestAnOptionThatIsMissingIsNamed(t *testing.T) {
	d := newDesk(t)
	for name, edit := range map[string]func(*anomaly.Options){
		"Store": func(o *anomaly.Options) { o.Store = nil }, "Now": func(o *anomaly.Options) { o.Now = nil },
		"Findings": func(o *anomaly.Options) { o.Findings = nil }, "Logger": func(o *anomaly.Options) { o.Logger = nil },
	} {
		o := anomaly.Options{Store: d.store, Findings: findings{d.store}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
		edit(&o)
		if _, err := anomaly.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
