package anomaly_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// policy puts a policy in the place of the one that holds.
func (d *desk) policy(p anomaly.Policy) {
	d.Helper()
	if _, problems := p.Check(); len(problems) > 0 {
		d.Fatalf("%+v", problems)
	}
	document, err := json.Marshal(p)
	must(d.T, err)
	_, err = d.store.InTx(d.Context(), func(ctx context.Context, tx *store.Tx) error {
		was, err := tx.AnomalyPolicy(ctx)
		if err != nil {
			return err
		}
		was.Document = string(document)
		tx.Audit(store.AuditRecord{Actor: "system", Action: "anomaly_policy.set", Object: "anomaly_policy:default"})
		return tx.UpdateAnomalyPolicy(ctx, was)
	})
	must(d.T, err)
}

// TestAPolicySaysHowSevereFindingsOfATypeAre: those that the watch writes down
// and those of a replay, up and down, with what is done by severity; findings of
// other types are as severe as ever, and one that lasts stays as severe as it
// was once.
func TestAPolicySaysHowSevereFindingsOfATypeAre(t *testing.T) {
	d := newDesk(t)
	d.key("key_dead", store.KeyTypeService, noon.AddDate(0, -1, 0))
	d.key("key_prober", store.KeyTypeService, noon.AddDate(0, -1, 0))
	attack := func() {
		d.count("key_dead", "revoked", d.now, 5)
		d.count("key_prober", "scope_missing", d.now, 50)
		d.add(store.UsageBatch{Failing: []store.FailingAddress{{
			Minute: d.now.Truncate(time.Minute), Reason: "unknown_key", Address: netip.MustParseAddr("192.0.2.9"), Checks: 5000, // high by itself
		}}})
	}
	severe := func(want ...string) {
		t.Helper()
		all, _, err := d.store.Anomalies(t.Context(), store.AnomalyFilter{}, store.Page{})
		must(t, err)
		var got []string
		for _, a := range all {
			got = append(got, a.Type+" "+string(a.Severity))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	policy := anomaly.Policy{
		Severities: map[string]store.Severity{anomaly.DeadKeyUsed: store.SeverityCritical, anomaly.BruteForce: store.SeverityLow},
		Actions: []anomaly.Rule{
			{Type: anomaly.DeadKeyUsed, Severity: store.SeverityCritical, Action: anomaly.ActionSuspend},
			{Type: anomaly.BruteForce, Severity: store.SeverityLow, Action: anomaly.ActionBlacklist, For: "1h"},
		},
	}
	d.policy(policy)
	attack()
	d.found(3)
	severe("brute_force low", "dead_key_used critical", "scope_probing medium")
	want := []string{
		"brute_force low address:192.0.2.9 blacklist:done", "dead_key_used critical key:key_dead suspend:done", "scope_probing medium key:key_prober",
	}
	d.now = d.now.Add(time.Minute)
	if got := d.replayed(noon.Add(-time.Hour), policy); !slices.Equal(got, want) {
		t.Errorf("replayed %q, want %q", got, want)
	}

	d.policy(anomaly.Policy{})
	attack()
	d.found(0)
	severe("brute_force high", "dead_key_used critical", "scope_probing medium")
	d.now = d.now.Add(time.Minute)
	want = []string{"brute_force high address:192.0.2.9", "dead_key_used high key:key_dead", "scope_probing medium key:key_prober"}
	if got := d.replayed(noon.Add(-time.Hour), anomaly.Policy{}); !slices.Equal(got, want) {
		t.Errorf("replayed without %q, want %q", got, want)
	}
}

// TestARuleIsAboutFindingsThatThereCanBe: of a type whose severity is set, those
// that are as severe as it says, or less, and the plan shows the one severity.
func TestARuleIsAboutFindingsThatThereCanBe(t *testing.T) {
	t.Parallel()
	for severity, refused := range map[store.Severity]bool{
		store.SeverityLow: false, store.SeverityMedium: false, store.SeverityHigh: false, store.SeverityCritical: true,
	} {
		p := anomaly.Policy{
			Severities: map[string]store.Severity{anomaly.ScopeProbing: store.SeverityHigh},
			Actions:    []anomaly.Rule{{Type: anomaly.ScopeProbing, Severity: severity, Action: anomaly.ActionSuspend}},
		}
		plan, problems := p.Check()
		if refused {
			if len(problems) != 1 || problems[0].Field != "actions[0].severity" || problems[0].Remedy != "use low or medium or high" {
				t.Errorf("%s: %+v", severity, problems)
			}
			continue
		}
		var shown []anomaly.Rule
		for _, r := range plan.All() {
			if r.Type == anomaly.ScopeProbing {
				shown = append(shown, r)
			}
		}
		if len(problems) != 0 || !slices.Equal(shown, []anomaly.Rule{{Type: anomaly.ScopeProbing, Severity: store.SeverityHigh, Action: anomaly.ActionSuspend}}) {
			t.Errorf("%s: %+v, %+v", severity, problems, shown)
		}
	}
}
