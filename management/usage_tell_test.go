package management_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"credence/management"
	"credence/management/event"
	"credence/store"
)

// refuse counts refusals of a key by its limits.
func (f *fixture) refuse(sequence int64, keyID string, at time.Time, checks int64) {
	f.t.Helper()
	must(f.t, f.store.IngestUsage(f.t.Context(), store.UsageBatch{
		Replica: "rep_1", Sequence: sequence, Started: start, At: at,
		Keys: []store.KeyUsage{{Minute: at.Truncate(time.Minute), Minutes: 1, KeyID: keyID, Reason: "rate_limited", Checks: checks}},
	}))
}

// tellLimits is what two control planes do at the same time.
func (f *fixture) tellLimits() {
	f.t.Helper()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := f.UsageTellLimits(f.t.Context()); err != nil {
				f.t.Error(err)
			}
		})
	}
	both.Wait()
}

// dataOf are the data of the events that a webhook was told of, in order.
func dataOf[T any](f *fixture, webhook string) (all []T) {
	f.t.Helper()
	for _, e := range f.told(webhook) {
		var d T
		must(f.t, json.Unmarshal(e.Data, &d))
		all = append(all, d)
	}
	return all
}

// TestALimitIsToldOfAtOnceAndThenInASum however long the flood lasts, and
// leaves no audit entry: nobody did anything.
func TestALimitIsToldOfAtOnceAndThenInASum(t *testing.T) {
	f := newFixture(t)
	hook := f.hook("a", "limit.exceeded").Webhook.ID
	k := f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID
	foreign := f.key(management.KeyCreate{Namespace: "b"}).Key.KeyID
	f.tellLimits()
	entries := len(f.entries("a"))
	f.refuse(1, foreign, start, 7)
	f.refuse(2, k, start, 10)
	f.tellLimits()
	if got := dataOf[event.LimitMet](f, hook); len(got) != 1 || got[0].KeyID != k || got[0].Phase != "first" || got[0].Refused != 10 || !got[0].Since.Equal(start) {
		t.Fatalf("told at once: %+v", got)
	}
	for i := range 5 {
		f.advance(time.Minute)
		f.refuse(int64(3+i), k, f.clock(), 1000)
		f.tellLimits()
	}
	f.advance(time.Hour - time.Microsecond) // five minutes after the end of the hour, but for a moment
	f.tellLimits()
	if got := dataOf[event.LimitMet](f, hook); len(got) != 1 {
		t.Fatalf("told in between: %+v", got)
	}
	f.advance(time.Microsecond)
	f.advance(time.Microsecond)
	f.tellLimits()
	f.tellLimits()
	got := dataOf[event.LimitMet](f, hook)
	if len(got) != 2 || got[1].Phase != "summary" || got[1].Refused != 5010 || !got[1].Until.Equal(start.Add(time.Hour)) {
		t.Errorf("told in the end: %+v", got)
	}
	if len(f.entries("a")) != entries {
		t.Error("what was counted left audit entries")
	}
	// The next hour is another one, and one refusal needs no sum.
	f.refuse(8, k, f.clock(), 1)
	f.tellLimits()
	f.advance(2 * time.Hour)
	f.tellLimits()
	if got := dataOf[event.LimitMet](f, hook); len(got) != 3 || got[2].Phase != "first" || got[2].Refused != 1 {
		t.Errorf("told of the next hour: %+v", got[2:])
	}
}

// TestEveryKeyThatMeetsALimitIsToldOfHoweverManyGoOn: those that others were told of
// leave the place to the rest.
func TestEveryKeyThatMeetsALimitIsToldOfHoweverManyGoOn(t *testing.T) {
	f := newFixture(t)
	f.hook("a", "limit.exceeded")
	const keys = 2000 + 50 // more than one call tells of
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	_, err := f.store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Namespace: "a", Actor: "test", Action: "keys.import", Object: "namespace:a"})
		for chunk := range 2 {
			some := make([]store.Key, keys/2)
			for i := range some {
				some[i] = k
				id := fmt.Sprintf("%026d", chunk*keys/2+i)
				some[i].KeyID, some[i].Name, some[i].Hash = "key_"+id, "", sha256.Sum256([]byte(id))
			}
			if err := tx.InsertKeys(ctx, some); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)
	b := store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: start, At: start}
	for i := range keys {
		b.Keys = append(b.Keys, store.KeyUsage{
			Minute: start.Truncate(time.Minute), Minutes: 1, KeyID: fmt.Sprintf("key_%026d", i), Reason: "rate_limited", Checks: int64(10 + i),
		})
	}
	must(t, f.store.IngestUsage(t.Context(), b))
	for call, want := range []int{2000, 50, 0} {
		if n, err := f.UsageTellLimits(t.Context()); err != nil || n != want {
			t.Errorf("call %d told of %d, %v; want %d", call, n, err, want)
		}
	}
}

func TestALimitThatNobodyWantsToKnowOfIsNotWrittenDown(t *testing.T) {
	f := newFixture(t)
	f.hook("b", "*")
	f.hook("a", "key.*")
	k := f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID
	f.refuse(1, k, start, 10)
	if n, err := f.UsageTellLimits(t.Context()); err != nil || n != 0 {
		t.Errorf("told %d, %v", n, err)
	}
	if _, err := f.store.Notice(t.Context(), store.NoticeLimitExceeded, k, "", start); err == nil {
		t.Error("a notice was written")
	}
	late := f.hook("a", "limit.*").Webhook.ID
	f.tellLimits()
	if got := dataOf[event.LimitMet](f, late); len(got) != 1 {
		t.Errorf("who asks later is told %+v", got)
	}
}

func (f *fixture) reserve(w store.QuotaWindow, units int64) {
	f.t.Helper()
	_, _, err := f.store.ReserveQuota(f.t.Context(), w, units, 100)
	must(f.t, err)
}

// tellQuotas goes once around, in two control planes.
func (f *fixture) tellQuotas() {
	f.t.Helper()
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for from := (store.QuotaWindow{}); ; {
				next, _, err := f.UsageTellQuotas(f.t.Context(), from)
				if err != nil {
					f.t.Error(err)
				}
				if from = next; from == (store.QuotaWindow{}) || err != nil {
					return
				}
			}
		})
	}
	both.Wait()
}

func TestAQuotaIsToldOfOnceWhenItComesToItsEndAndOnceWhenItIsThere(t *testing.T) {
	f := newFixture(t)
	hook := f.hook("a", "quota.*").Webhook.ID
	k := f.key(management.KeyCreate{Namespace: "a", Quotas: []management.QuotaInput{{Name: "daily", Limit: 100, Period: "day"}}}).Key.KeyID
	f.owner("a", "team")
	_, err := f.OwnerUpdate(t.Context(), global, management.OwnerUpdate{
		Namespace: "a", Name: "team", Version: 1, Quotas: management.Set([]management.QuotaInput{{Name: "daily", Limit: 100, Period: "day"}}),
	})
	must(t, err)
	day := start.Truncate(24 * time.Hour)
	of := store.QuotaWindow{Subject: k, Name: "daily", Start: day, End: day.AddDate(0, 0, 1)}
	owners := of
	owners.Subject = "owner:a/team"
	for _, c := range []struct {
		window store.QuotaWindow
		units  int64
		want   string // all that was told by then
	}{
		{of, 79, ""},
		{of, 1, "quota.near"},
		{of, 19, "quota.near"},
		{of, 1, "quota.near quota.exhausted"},
		{owners, 100, "quota.near quota.exhausted quota.exhausted"}, //nolint:dupword // of two quotas
	} {
		f.reserve(c.window, c.units)
		f.tellQuotas()
		f.tellQuotas()
		if got := types(f.told(hook)); got != c.want {
			t.Fatalf("after %d units of %s: told %q, want %q", c.units, c.window.Subject, got, c.want)
		}
	}
	told := dataOf[event.QuotaUse](f, hook)
	if told[0].KeyID != k || told[0].Used != 80 || told[0].Limit != 100 || !told[0].RefillsAt.Equal(of.End) || told[2].Owner != "team" || told[2].KeyID != "" {
		t.Errorf("told %+v", told)
	}
	f.advance(24 * time.Hour)
	of.Start, of.End = of.End, of.End.AddDate(0, 0, 1)
	f.reserve(of, 85)
	f.tellQuotas()
	if got := types(f.told(hook)); got != "quota.near quota.exhausted quota.exhausted quota.near" { //nolint:dupword // of two quotas
		t.Errorf("on the next day: told %q", got)
	}
}

func TestTheEndOfAKeyIsToldOfAWeekAheadOnceForEachEnd(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{})
	hook := f.hook("a", "key.expiring").Webhook.ID
	k := f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "720h"}).Key
	f.key(management.KeyCreate{Namespace: "a", ExpiresIn: "100h"}) // made for less than a week
	f.key(management.KeyCreate{Namespace: "a"})
	f.advance(720*time.Hour - store.ExpiringAhead)
	if got := pass(t, s, "expiring-keys"); got.Done != 0 {
		t.Errorf("told too early: %+v", got)
	}
	f.advance(time.Microsecond)
	for range 2 {
		pass(t, s, "expiring-keys")
	}
	if got := dataOf[event.KeyChange](f, hook); len(got) != 1 || got[0].Key.KeyID != k.KeyID || !got[0].Key.ExpiresAt.Equal(k.ExpiresAt) {
		t.Errorf("told %+v", got)
	}
	if entry, _ := f.last("a"); entry.Action != "key.expiring" || entry.KeyID != k.KeyID {
		t.Errorf("entry %+v", entry)
	}
	_, err := f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: k.KeyID, Version: k.Version, ExpiresIn: management.Set("720h")})
	must(t, err)
	f.advance(720 * time.Hour)
	f.advance(-time.Hour)
	pass(t, s, "expiring-keys")
	if got := dataOf[event.KeyChange](f, hook); len(got) != 2 {
		t.Errorf("of another end: told %+v", got)
	}
}
