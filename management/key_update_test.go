package management_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
)

func TestKeyUpdateChangesWhatThePatchSaysAndNothingElse(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "basic")
	before := f.key(management.KeyCreate{
		Namespace: "a", Name: "x", Plan: "basic", Scopes: []string{"r"}, Labels: map[string]string{"l": "1"}, ExpiresIn: "1h",
	}).Key
	f.advance(time.Minute)
	changed, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{
		KeyID: before.KeyID, Version: before.Version, Name: management.Set("y"), Plan: management.Null[string](),
		Scopes: management.Set([]string{"r", "w"}), ExpiresAt: management.Null[time.Time](),
	})
	must(t, err)
	want := before
	want.Name, want.Plan, want.Scopes, want.ExpiresAt = "y", "", []string{"r", "w"}, time.Time{}
	want.UpdatedAt, want.Version = start.Add(time.Minute), before.Version+1
	stored, err := f.KeyRead(t.Context(), onlyA, before.KeyID)
	must(t, err)
	for _, got := range []store.Key{changed.Key, stored} {
		if diff := cmp.Diff(want, got, addresses()); diff != "" {
			t.Error(diff)
		}
	}
	if !changed.Changed || changed.Position.Revision == 0 {
		t.Errorf("got changed %v at %v", changed.Changed, changed.Position)
	}
}

func TestKeyUpdateRecordsTheFieldsThatChanged(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a", Name: "x", Scopes: []string{"r"}, Labels: map[string]string{"l": "1"}}).Key
	_, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{
		KeyID: k.KeyID, Version: k.Version, Name: management.Set("y"), Scopes: management.Set([]string{"r"}),
		Labels: management.Null[map[string]string](),
		Limits: management.Set([]management.LimitInput{{Name: "fast", Limit: 10, Period: "1s", Burst: 20}}),
	})
	must(t, err)
	entry, d := f.last("a")
	want := details{
		Before: map[string]any{"name": "x", "labels": map[string]any{"l": "1"}},
		After:  map[string]any{"name": "y", "limits": []any{"fast=10/s burst 20"}},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if entry.Action != "key.update" || entry.Actor != onlyA.ID || entry.Object != "key:"+k.KeyID || entry.KeyID != k.KeyID ||
		entry.RequestID != onlyA.RequestID {
		t.Errorf("got entry %+v", entry)
	}
}

func TestAnUpdateThatChangesNothingRecordsNothing(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a", Name: "x", Scopes: []string{"r"}}).Key
	before := f.dump()
	changed, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{
		KeyID: k.KeyID, Version: k.Version, Name: management.Set("x"), Scopes: management.Set([]string{"r"}), Plan: management.Null[string](),
	})
	must(t, err)
	if diff := cmp.Diff(management.KeyChanged{Key: k}, changed, addresses()); diff != "" {
		t.Error(diff)
	}
	if after := f.dump(); after != before {
		t.Error(cmp.Diff(before, after, addresses()))
	}
}

func TestUpdatesNeedTheVersionTheyAreBasedOn(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	plan, owner := f.plan("a", "p"), f.owner("a", "o")
	space, err := f.NamespaceRead(t.Context(), global, "a")
	must(t, err)
	for name, update := range map[string]struct {
		version int64
		call    func(version int64) error
	}{
		"key": {k.Version, func(v int64) error {
			_, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{KeyID: k.KeyID, Version: v, Name: management.Set("new")})
			return err
		}},
		"plan": {plan.Version, func(v int64) error {
			_, err := f.PlanUpdate(t.Context(), onlyA, management.PlanUpdate{Namespace: "a", Name: "p", Version: v, Description: management.Set("new")})
			return err
		}},
		"owner": {owner.Version, func(v int64) error {
			_, err := f.OwnerUpdate(t.Context(), onlyA, management.OwnerUpdate{Namespace: "a", Name: "o", Version: v, Description: management.Set("new")})
			return err
		}},
		"namespace": {space.Version, func(v int64) error {
			_, err := f.NamespaceUpdate(t.Context(), onlyA, management.NamespaceUpdate{Name: "a", Version: v, Description: management.Set("new")})
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before := f.dump()
			refused(t, update.call(0), management.CodePreconditionRequired)
			refused(t, update.call(update.version+1), management.CodeStaleVersion)
			if after := f.dump(); after != before {
				t.Error(cmp.Diff(before, after, addresses()))
			}
			must(t, update.call(update.version))
			refused(t, update.call(update.version), management.CodeStaleVersion)
		})
	}
}

func TestDeletesAndStatusChangesRefuseAStaleVersionWhenOneIsGiven(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	f.plan("a", "p")
	f.owner("a", "o")
	for name, call := range map[string]func() error{
		"revoke": func() error {
			_, err := f.KeyRevoke(t.Context(), onlyA, management.KeyStatusChange{KeyID: k.KeyID, Version: 9})
			return err
		},
		"purge": func() error {
			_, err := f.KeyPurge(t.Context(), onlyA, management.KeyPurge{KeyID: k.KeyID, Version: 9})
			return err
		},
		"plan": func() error {
			_, err := f.PlanDelete(t.Context(), onlyA, management.PlanDelete{Namespace: "a", Name: "p", Version: 9})
			return err
		},
		"owner": func() error {
			_, err := f.OwnerDelete(t.Context(), onlyA, management.OwnerDelete{Namespace: "a", Name: "o", Version: 9})
			return err
		},
		"namespace": func() error {
			_, err := f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "b", Version: 9})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { refused(t, call(), management.CodeStaleVersion) })
	}
}

func TestKeyUpdateJudgesTheKeyAsItWouldBe(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{
		Namespace: "a", ExpiresIn: "1h", Quotas: []management.QuotaInput{{Name: "daily", Limit: 1, Period: "day"}},
	}).Key
	for _, c := range []struct {
		field string
		in    management.KeyUpdate
	}{
		{"name", management.KeyUpdate{Name: management.Null[string]()}},
		{"not_before", management.KeyUpdate{NotBefore: management.Set(start.Add(time.Hour))}},
		{"expires_at", management.KeyUpdate{ExpiresAt: management.Set(start)}},
		{"expires_in", management.KeyUpdate{ExpiresAt: management.Set(start.Add(time.Hour)), ExpiresIn: management.Set("1h")}},
		{"limits[0].period", management.KeyUpdate{Limits: management.Set([]management.LimitInput{{Name: "x", Limit: 1, Period: "x"}})}},
		{"quotas[0].name", management.KeyUpdate{Limits: management.Set([]management.LimitInput{{Name: "daily", Limit: 1, Period: "1s"}})}},
		{"plan", management.KeyUpdate{Plan: management.Set("nothing")}},
		{"owner", management.KeyUpdate{Owner: management.Set("nobody")}},
		{"scopes[0]", management.KeyUpdate{Scopes: management.Set([]string{"a b"})}},
		{"networks[0]", management.KeyUpdate{Networks: management.Set([]string{"x"})}},
		{"hosts[0]", management.KeyUpdate{Hosts: management.Set([]string{"x:1"})}},
		{"methods[0]", management.KeyUpdate{Methods: management.Set([]string{"get"})}},
		{"paths[0]", management.KeyUpdate{Paths: management.Set([]string{"x"})}},
		{`labels["a b"]`, management.KeyUpdate{Labels: management.Set(map[string]string{"a b": "x"})}},
	} {
		t.Run(c.field, func(t *testing.T) {
			c.in.KeyID, c.in.Version = k.KeyID, k.Version
			_, err := f.KeyUpdate(t.Context(), onlyA, c.in)
			blames(t, err, c.field)
		})
	}
}

func TestExpiresInPatchesTheEndFromNow(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	f.advance(time.Hour)
	changed, err := f.KeyUpdate(t.Context(), onlyA, management.KeyUpdate{KeyID: k.KeyID, Version: k.Version, ExpiresIn: management.Set("30m")})
	must(t, err)
	if want := start.Add(90 * time.Minute); !changed.Key.ExpiresAt.Equal(want) {
		t.Errorf("ends at %v, want %v", changed.Key.ExpiresAt, want)
	}
}
