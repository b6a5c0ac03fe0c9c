package pipeline

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/limit"
)

func TestKeySharesNothingWithItsRecord(t *testing.T) {
	w := newWorld(t)
	r := w.record()
	r.Scopes = []string{"b", "a"}
	r.Networks = prefixes("10.1.2.3/8")
	r.Hosts, r.Methods, r.Paths = []string{"API.example.com"}, []string{"GET"}, []string{"/a/*"}
	r.NotBefore, r.ExpiresAt = noon, noon.Add(time.Hour)
	k := mustKey(t, r)
	for _, list := range [][]string{r.Scopes, r.Hosts, r.Methods, r.Paths} {
		list[0] = "changed"
	}
	r.Networks[0] = netip.MustParsePrefix("0.0.0.0/0")
	if k.Scopes != "a b" || k.Bounds.Hosts[0] != "api.example.com" ||
		k.Bounds.Methods[0] != "GET" || k.Bounds.Paths[0] != "/a/*" || k.Bounds.Networks[0] != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("%+v", k)
	}
	if k.Bounds.NotBefore != noon || k.ExpiresAt != noon.Add(time.Hour).UnixMicro() || k.Hash != r.Hash || k.Foreign {
		t.Errorf("%+v", k)
	}
}

func TestLimitsAreCountedForKeyAndOwnerUnderNamesThatDoNotCollide(t *testing.T) {
	r := newWorld(t).record()
	r.Namespace, r.Owner, r.Plan = "shop", "billing", "basic"
	own := limit.Limit{Name: "per-second", Limit: 99, Period: time.Second}
	r.Limits = []limit.Limit{own, rate("daily")}
	r.PlanLimits = []limit.Limit{rate("per-second"), rate("per-minute")}
	r.OwnerLimits = []limit.Limit{rate("per-second"), rate("per-hour")}
	r.Quotas = []limit.Quota{daily("requests")}
	r.PlanQuotas = []limit.Quota{daily("requests"), daily("daily")}
	r.OwnerQuotas = []limit.Quota{daily("daily")}
	k := mustKey(t, r)
	type counted struct {
		subject, name, label string
		limit                int64
	}
	var got []counted
	for _, l := range k.Limits {
		got = append(got, counted{l.Subject, l.Name, l.Label, l.Limit.Limit})
	}
	for _, q := range k.Quotas {
		got = append(got, counted{q.Subject, q.Name, q.Label, q.Limit})
	}
	want := []counted{
		{"key_01", "per-second", "per-second", 99}, // not the plan's 10
		{"key_01", "daily", "daily", 10},
		{"key_01", "per-minute", "per-minute", 10},
		{"owner:shop/billing", "per-second", "owner:per-second", 10},
		{"owner:shop/billing", "per-hour", "owner:per-hour", 10},
		{"key_01", "requests", "requests", 1000},
		{"key_01", "daily", "quota:daily", 1000},
		{"owner:shop/billing", "daily", "owner:daily", 1000},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestAThrottledKeyHasItsShareOfItsOwnAndItsPlansRatesOnly: what others share
// is theirs, and a quota is no rate.
func TestAThrottledKeyHasItsShareOfItsOwnAndItsPlansRatesOnly(t *testing.T) {
	r := newWorld(t).record()
	r.Owner, r.Plan, r.Throttle = "billing", "basic", 50
	r.Limits, r.PlanLimits, r.OwnerLimits = []limit.Limit{rate("own")}, []limit.Limit{rate("plan")}, []limit.Limit{rate("owner")}
	r.Quotas = []limit.Quota{daily("requests")}
	k := mustKey(t, r)
	var got []int64
	for _, l := range k.Limits {
		got = append(got, l.Limit.Limit)
	}
	if want := []int64{5, 5, 10}; !slices.Equal(got, want) || k.Quotas[0].Limit != 1000 {
		t.Errorf("%v, %d", got, k.Quotas[0].Limit)
	}
}

// Row 7 of facts section 4, and rules that could not be applied.
func TestRecordThatCouldHarmOrCannotBeAppliedIsRefusedByName(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(r *store.KeyRecord)
	}{
		{"owner:", func(r *store.KeyRecord) { r.Owner = "a\r\nset-cookie: b" }},
		{"owner:", func(r *store.KeyRecord) { r.Owner = "b\u00fccher" }},
		{"owner:", func(r *store.KeyRecord) { r.Owner = " a" }},
		{"owner:", func(r *store.KeyRecord) { r.Owner = strings.Repeat("a", 257) }},
		{"plan:", func(r *store.KeyRecord) { r.Plan = "a\x00" }},
		{"environment:", func(r *store.KeyRecord) { r.Environment = "\x7f" }},
		{"key_id:", func(r *store.KeyRecord) { r.KeyID = "a\n" }},
		{"key_id and namespace:", func(r *store.KeyRecord) { r.KeyID = "" }},
		{"key_id and namespace:", func(r *store.KeyRecord) { r.Namespace = "" }},
		{"namespace:", func(r *store.KeyRecord) { r.Namespace = "\t" }},
		{"key_type:", func(r *store.KeyRecord) { r.KeyType = "robot" }},
		{"status:", func(r *store.KeyRecord) { r.Status = "expired" }},
		{"scopes:", func(r *store.KeyRecord) { r.Scopes = []string{"a b"} }},
		{"scopes:", func(r *store.KeyRecord) { r.Scopes = []string{"a\r"} }},
		{"scopes:", func(r *store.KeyRecord) { r.Scopes = []string{""} }},
		{"networks:", func(r *store.KeyRecord) { r.Networks = []netip.Prefix{{}} }},
		{"hosts:", func(r *store.KeyRecord) { r.Hosts = []string{"*"} }},
		{"hosts:", func(r *store.KeyRecord) { r.Hosts = []string{"*."} }},
		{"hosts:", func(r *store.KeyRecord) { r.Hosts = []string{""} }},
		{"hosts:", func(r *store.KeyRecord) { r.Hosts = []string{"a:80"} }},
		{"hosts:", func(r *store.KeyRecord) { r.Hosts = []string{"a.*.b"} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{""} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{"a"} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{"/a*"} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{"/*/a"} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{"/a/../b"} }},
		{"paths:", func(r *store.KeyRecord) { r.Paths = []string{"/a?b"} }},
		{"throttle:", func(r *store.KeyRecord) { r.Throttle = 100 }},
		{"limits[0].", func(r *store.KeyRecord) { r.Limits = []limit.Limit{{Name: "a"}} }},
		{`plan "": quotas[0].`, func(r *store.KeyRecord) { r.PlanQuotas = []limit.Quota{{Name: "a"}} }},
		{`owner "": limits[0].`, func(r *store.KeyRecord) { r.OwnerLimits = []limit.Limit{{}} }},
		{"owner: limits of an owner", func(r *store.KeyRecord) { r.OwnerLimits = []limit.Limit{rate("a")} }},
	} {
		r := newWorld(t).record()
		c.change(&r)
		if k, err := NewKey(r); err == nil || k != nil || !strings.Contains(err.Error(), ": "+c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

func TestEveryStatusAndKeyTypeOfTheStoreIsKnown(t *testing.T) {
	for _, status := range statuses() {
		for _, keyType := range store.KeyTypes() {
			r := newWorld(t).record()
			r.Status, r.KeyType = status, keyType
			mustKey(t, r)
		}
	}
}
