package management_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// TestUsageOfALimitedActorIsThatOfItsNamespaces and quotas are, and addresses,
// which belong to no namespace, it does not see at all.
func TestUsageOfALimitedActorIsThatOfItsNamespaces(t *testing.T) {
	w := newTenants(t)
	minute := w.clock().Truncate(time.Minute)
	b := store.UsageBatch{
		Replica: "rep_1", Sequence: 1, Started: minute, At: minute,
		Failing: []store.FailingAddress{{Minute: minute, Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.1"), Checks: 9}},
	}
	for i, key := range []string{w.key["a"], w.key["b"], ""} {
		b.Keys = append(b.Keys, store.KeyUsage{Minute: minute, Minutes: 1, KeyID: key, Reason: "revoked", Checks: int64(i + 1)})
		b.Agents = append(b.Agents, store.AgentUsage{Hour: minute.Truncate(time.Hour), KeyID: key, Agent: "curl", Checks: int64(i + 1)})
	}
	must(t, w.store.AddUsage(t.Context(), b))
	for _, ns := range []string{"a", "b"} {
		o, err := w.OwnerRead(t.Context(), global, ns, "shared")
		must(t, err)
		_, err = w.OwnerUpdate(t.Context(), global, management.OwnerUpdate{
			Namespace: ns, Name: "shared", Version: o.Version, Quotas: management.Set([]management.QuotaInput{{Name: "day", Limit: 10, Period: "day"}}),
		})
		must(t, err)
		_, _, err = w.store.ReserveQuota(t.Context(), store.QuotaWindow{
			Subject: "owner:" + ns + "/shared", Name: "day", Start: minute.Add(-time.Hour), End: minute.Add(time.Hour),
		}, 9, 10)
		must(t, err)
	}
	w.advance(time.Minute)
	for _, of := range []struct {
		actor               management.Actor
		requests            int64
		top                 []string
		quotas, addressRows int
	}{
		{onlyA, 1, []string{w.key["a"]}, 1, 0},
		{global, 6, []string{"", w.key["b"], w.key["a"]}, 2, 1},
		{management.Actor{Role: store.RoleAdmin}, 0, nil, 0, 0},
	} {
		var requests int64
		read, err := w.UsageRead(t.Context(), of.actor, management.UsageRead{})
		must(t, err)
		for _, s := range read.Items {
			requests += s.Checks
		}
		var groups []string
		top, err := w.UsageTop(t.Context(), of.actor, management.UsageRead{Group: "key", Top: "denials"})
		must(t, err)
		for _, s := range top.Items {
			groups = append(groups, s.Group)
		}
		agents, err := w.UsageTop(t.Context(), of.actor, management.UsageRead{Group: "agent"})
		must(t, err)
		var byAgent int64
		for _, s := range agents.Items {
			byAgent += s.Checks
		}
		quotas, err := w.UsageQuotas(t.Context(), of.actor, management.UsageQuotas{})
		must(t, err)
		failing, err := w.UsageAddresses(t.Context(), of.actor, management.UsageAddresses{})
		must(t, err)
		if requests != of.requests || byAgent != of.requests || !slices.Equal(groups, of.top) || len(quotas.Items) != of.quotas || len(failing.Items) != of.addressRows {
			t.Errorf("%s: %d requests, %d by agent, groups %q, %d quotas, %d addresses", of.actor.ID, requests, byAgent, groups, len(quotas.Items), len(failing.Items))
		}
	}
}

func TestUsageSaysWhenThereIsMoreAndWhatIsMissing(t *testing.T) {
	f := newFixture(t)
	minute := f.clock().Truncate(time.Minute)
	for i := range 3 {
		must(t, f.store.AddUsage(t.Context(), store.UsageBatch{Replica: "rep_1", Sequence: int64(i + 1), Started: minute, At: minute, Keys: []store.KeyUsage{
			{Minute: minute.Add(time.Duration(i) * time.Minute), Minutes: 1, Reason: "allowed_anonymous", Checks: 1},
		}}))
	}
	// PostgreSQL goes by its own clock when it says who was not heard of.
	_, err := f.store.RecordUsageGaps(t.Context(), minute.AddDate(100, 0, 0))
	must(t, err)
	f.advance(time.Hour)
	got, err := f.UsageRead(t.Context(), global, management.UsageRead{By: "minute", Limit: 2})
	must(t, err)
	if len(got.Items) != 2 || !got.More || len(got.Gaps) != 1 || got.Gaps[0].Cause != store.GapKilled {
		t.Errorf("%+v", got)
	}
	got, err = f.UsageRead(t.Context(), global, management.UsageRead{By: "minute", Limit: 3})
	must(t, err)
	if len(got.Items) != 3 || got.More {
		t.Errorf("%+v", got)
	}
}

func TestQuotasArePagedFromTheFullestOnAndEachIsThereOnce(t *testing.T) {
	f := newFixture(t)
	day := f.clock().Truncate(time.Hour)
	for i, used := range []int64{90, 100, 85, 90, 10, 95, 90} {
		name := "owner-" + string(rune('a'+i))
		_, err := f.OwnerCreate(t.Context(), global, management.OwnerCreate{
			Namespace: "default", Name: name, Quotas: []management.QuotaInput{{Name: "day", Limit: 100, Period: "day"}},
		})
		must(t, err)
		_, _, err = f.store.ReserveQuota(t.Context(), store.QuotaWindow{
			Subject: "owner:default/" + name, Name: "day", Start: day.Add(-time.Hour), End: day.Add(time.Hour),
		}, used, 100)
		must(t, err)
	}
	for _, rows := range []int{1, 2, 3, 4, 6, 7} {
		var got []string
		in := management.UsageQuotas{Page: management.PageInput{Limit: rows}}
		for pages := 0; ; pages++ {
			page, err := f.UsageQuotas(t.Context(), global, in)
			must(t, err)
			if len(page.Items) > rows || page.Total != 6 || page.UsedUp != 1 || pages > 6 {
				t.Fatalf("page %d by %d holds %d, total %d, used up %d", pages, rows, len(page.Items), page.Total, page.UsedUp)
			}
			for _, q := range page.Items {
				got = append(got, q.Owner)
			}
			if in.Page.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if want := []string{"owner-b", "owner-f", "owner-a", "owner-d", "owner-g", "owner-c"}; !slices.Equal(got, want) {
			t.Errorf("by %d: %q, want %q", rows, got, want)
		}
	}
	for field, page := range map[string]management.PageInput{"cursor": {Cursor: "week"}, "limit": {Limit: store.MaxPage + 1}} {
		_, err := f.UsageQuotas(t.Context(), global, management.UsageQuotas{Page: page})
		blames(t, err, field)
	}
}
