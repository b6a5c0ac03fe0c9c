package management_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
	"credence/store/limit"
)

var (
	oneLimit = []management.LimitInput{{Name: "fast", Limit: 10, Period: "1m"}}
	oneQuota = []management.QuotaInput{{Name: "daily", Limit: 100, Period: "day"}}
)

func TestAPlanLivesFromCreateToDelete(t *testing.T) {
	f := newFixture(t)
	made, err := f.PlanCreate(t.Context(), onlyA, management.PlanCreate{Namespace: "a", Name: "basic", Description: "for all", Limits: oneLimit, Quotas: oneQuota})
	must(t, err)
	want := store.Plan{
		Namespace: "a", Name: "basic", Description: "for all", CreatedAt: start, UpdatedAt: start, Version: 1,
		Limits: []limit.Limit{{Name: "fast", Limit: 10, Period: time.Minute}},
		Quotas: []limit.Quota{{Name: "daily", Limit: 100, Period: limit.QuotaDay}},
	}
	read, err := f.PlanRead(t.Context(), onlyA, "a", "basic")
	must(t, err)
	if diff := cmp.Diff([]store.Plan{want, want}, []store.Plan{made.Plan, read}); diff != "" {
		t.Error(diff)
	}
	f.advance(time.Second)
	changed, err := f.PlanUpdate(t.Context(), onlyA, management.PlanUpdate{
		Namespace: "a", Name: "basic", Version: 1, Limits: management.Null[[]management.LimitInput](), Description: management.Set("for some"),
	})
	must(t, err)
	want.Limits, want.Description, want.UpdatedAt, want.Version = nil, "for some", start.Add(time.Second), 2
	listed, err := f.PlanList(t.Context(), onlyA, management.PlanList{})
	must(t, err)
	if diff := cmp.Diff([]store.Plan{want, want}, append(listed.Items, changed.Plan)); diff != "" {
		t.Error(diff)
	}
	if _, d := f.last("a"); !cmp.Equal(d, details{
		Before: map[string]any{"description": "for all", "limits": []any{"fast=10/m"}}, After: map[string]any{"description": "for some"},
	}) {
		t.Errorf("audit details %v", d)
	}
	if _, err := f.PlanDelete(t.Context(), onlyA, management.PlanDelete{Namespace: "a", Name: "basic"}); err != nil {
		t.Fatal(err)
	}
	_, err = f.PlanRead(t.Context(), onlyA, "a", "basic")
	refused(t, err, management.CodeNotFound)
	if entry, _ := f.last("a"); entry.Action != "plan.delete" || entry.Object != "plan:basic" {
		t.Errorf("audit entry %+v", entry)
	}
}

func TestAnOwnerLivesFromCreateToDelete(t *testing.T) {
	f := newFixture(t)
	made, err := f.OwnerCreate(t.Context(), onlyA, management.OwnerCreate{Namespace: "a", Name: "team@example.com", Contact: "Jane", Limits: oneLimit})
	must(t, err)
	want := store.Owner{
		Namespace: "a", Name: "team@example.com", Contact: "Jane", CreatedAt: start, UpdatedAt: start, Version: 1,
		Limits: []limit.Limit{{Name: "fast", Limit: 10, Period: time.Minute}},
	}
	read, err := f.OwnerRead(t.Context(), onlyA, "a", "team@example.com")
	must(t, err)
	if diff := cmp.Diff([]store.Owner{want, want}, []store.Owner{made.Owner, read}); diff != "" {
		t.Error(diff)
	}
	changed, err := f.OwnerUpdate(t.Context(), onlyA, management.OwnerUpdate{
		Namespace: "a", Name: "team@example.com", Version: 1, Contact: management.Null[string](), Quotas: management.Set(oneQuota),
	})
	must(t, err)
	want.Contact, want.Version = "", 2
	want.Quotas = []limit.Quota{{Name: "daily", Limit: 100, Period: limit.QuotaDay}}
	listed, err := f.OwnerList(t.Context(), onlyA, management.OwnerList{Namespace: "a"})
	must(t, err)
	if diff := cmp.Diff([]store.Owner{want, want}, append(listed.Items, changed.Owner)); diff != "" {
		t.Error(diff)
	}
	_, err = f.OwnerDelete(t.Context(), onlyA, management.OwnerDelete{Namespace: "a", Name: "team@example.com"})
	must(t, err)
	_, err = f.OwnerRead(t.Context(), onlyA, "a", "team@example.com")
	refused(t, err, management.CodeNotFound)
}

func TestPlansAndOwnersThatKeysNameStay(t *testing.T) {
	f := newFixture(t)
	f.plan("default", "basic")
	f.owner("default", "team")
	k := f.key(management.KeyCreate{Plan: "basic", Owner: "team"}).Key
	deletes := map[string]func() error{
		"plan": func() error {
			_, err := f.PlanDelete(t.Context(), global, management.PlanDelete{Name: "basic"})
			return err
		},
		"owner": func() error {
			_, err := f.OwnerDelete(t.Context(), global, management.OwnerDelete{Name: "team"})
			return err
		},
	}
	for _, del := range deletes {
		refused(t, del(), management.CodeInUse)
	}
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID})
	must(t, err)
	_, err = f.KeyPurge(t.Context(), global, management.KeyPurge{KeyID: k.KeyID})
	must(t, err)
	for _, del := range deletes {
		must(t, del())
	}
}

func TestPlansAndOwnersNameTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "p")
	f.owner("a", "o")
	for _, c := range []struct {
		field string
		plan  management.PlanCreate
	}{
		{"name", management.PlanCreate{Name: ""}},
		{"name", management.PlanCreate{Name: "a/b"}},
		{"name", management.PlanCreate{Name: "a b"}},
		{"name", management.PlanCreate{Name: "ä"}},
		{"name", management.PlanCreate{Name: ".."}},
		{"name", management.PlanCreate{Name: "a,b"}},
		{"name", management.PlanCreate{Name: strings.Repeat("a", 129)}},
		{"description", management.PlanCreate{Name: "x", Description: strings.Repeat("a", 1025)}},
		{"limits[0].period", management.PlanCreate{Name: "x", Limits: []management.LimitInput{{Name: "x", Limit: 1}}}},
		{"quotas[0].period", management.PlanCreate{Name: "x", Quotas: []management.QuotaInput{{Name: "x", Limit: 1, Period: "week"}}}},
		{"quotas[0].name", management.PlanCreate{Name: "x", Limits: []management.LimitInput{{Name: "daily", Limit: 1, Period: "1s"}}, Quotas: oneQuota}},
		{"namespace", management.PlanCreate{Name: "x", Namespace: "nowhere"}},
		{"idempotency_key", management.PlanCreate{Name: "x", Idempotency: management.Idempotency{Key: "a b"}}},
	} {
		t.Run(c.field, func(t *testing.T) {
			_, err := f.PlanCreate(t.Context(), global, c.plan)
			blames(t, err, c.field)
			_, err = f.OwnerCreate(t.Context(), global, management.OwnerCreate{
				Name: c.plan.Name, Description: c.plan.Description, Limits: c.plan.Limits, Quotas: c.plan.Quotas,
				Namespace: c.plan.Namespace, Idempotency: c.plan.Idempotency,
			})
			blames(t, err, c.field)
		})
	}
	_, err := f.OwnerCreate(t.Context(), global, management.OwnerCreate{Name: "x", Contact: "a\tb"})
	blames(t, err, "contact")
	_, err = f.OwnerUpdate(t.Context(), global, management.OwnerUpdate{Namespace: "a", Name: "o", Version: 1, Contact: management.Set("a\tb")})
	blames(t, err, "contact")
	_, err = f.PlanUpdate(t.Context(), global, management.PlanUpdate{Namespace: "a", Name: "p", Version: 1, Quotas: management.Set([]management.QuotaInput{{Limit: 1, Period: "day"}})})
	blames(t, err, "quotas[0].name")
}

func TestATakenNameIsAConflict(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "x")
	f.owner("a", "x")
	_, err := f.PlanCreate(t.Context(), onlyA, management.PlanCreate{Namespace: "a", Name: "x"})
	refused(t, err, management.CodeConflict)
	_, err = f.OwnerCreate(t.Context(), onlyA, management.OwnerCreate{Namespace: "a", Name: "x"})
	refused(t, err, management.CodeConflict)
	_, err = f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "a"})
	refused(t, err, management.CodeConflict)
	f.plan("b", "x")
}
