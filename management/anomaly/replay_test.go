package anomaly_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// replayed are the findings of a replay as text, with what would have been done.
func (d *desk) replayed(since time.Time, p anomaly.Policy) []string {
	d.Helper()
	plan, problems := p.Check()
	if len(problems) > 0 {
		d.Fatalf("%+v", problems)
	}
	found, _, err := anomaly.Replay(d.Context(), d.store, since, d.now, &plan, nil)
	must(d.T, err)
	var out []string
	for _, f := range found {
		var text strings.Builder
		fmt.Fprintf(&text, "%s %s %s", f.Type, f.Severity, f.Subject)
		for _, a := range f.Actions {
			text.WriteString(" " + a.Action + ":" + a.Outcome)
		}
		out = append(out, text.String())
	}
	slices.Sort(out)
	return out
}

// TestAReplayFindsWhatTheWatchWouldHaveAndChangesNothing: over hours, minutes,
// networks and emergency keys of a real store, by the policy that is tried.
func TestAReplayFindsWhatTheWatchWouldHaveAndChangesNothing(t *testing.T) {
	d := newDesk(t)
	began := noon.AddDate(0, 0, -60)
	for _, id := range []string{"key_steady", "key_stolen", "key_moved", "key_dead"} {
		d.key(id, store.KeyTypeService, began)
	}
	d.key("key_emergency", store.KeyTypeEmergency, began)
	var b store.UsageBatch
	put := func(id, reason string, at time.Time, checks int64) {
		b.Keys = append(b.Keys, store.KeyUsage{Minute: at, Minutes: 1, KeyID: id, Reason: reason, Checks: checks})
	}
	for day := range 60 {
		at := began.AddDate(0, 0, day)
		put("key_steady", "allowed", at, 100)
		put("key_stolen", "allowed", at, 100)
	}
	theft, attack := noon.AddDate(0, 0, -10), noon.Add(-30*time.Hour)
	put("key_stolen", "allowed", theft, 5000)
	put("key_emergency", "allowed", theft, 1)
	put("key_dead", "revoked", attack, 20)
	for n := range 4 {
		b.Failing = append(b.Failing, store.FailingAddress{
			Minute: attack.Add(time.Duration(n) * time.Minute), Reason: "unknown_key", Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), Checks: 120,
		})
	}
	for at, network := range map[time.Time]string{began: "192.0.2.0", attack: "198.51.100.0"} {
		b.Used = append(b.Used, store.KeyLastUse{KeyID: "key_moved", At: at, Networks: []netip.Addr{netip.MustParseAddr(network)}})
	}
	d.add(b)
	want := []string{
		"after_silence medium key:key_emergency",
		"brute_force medium address:192.0.2.0 blacklist:done", "brute_force medium address:192.0.2.1 blacklist:done",
		"brute_force medium address:192.0.2.2 blacklist:capped", "brute_force medium address:192.0.2.3 blacklist:protected",
		"dead_key_used high key:key_dead", "emergency_used high key:key_emergency suspend:protected",
		"new_network medium key:key_moved suspend:protected", "rate_change high key:key_stolen suspend:done",
	}
	suspend := func(kind string, severity store.Severity) anomaly.Rule {
		return anomaly.Rule{Type: kind, Severity: severity, Action: anomaly.ActionSuspend}
	}
	tried := anomaly.Policy{
		Actions: []anomaly.Rule{
			{Type: anomaly.BruteForce, Severity: store.SeverityMedium, Action: anomaly.ActionBlacklist, For: "1h"},
			suspend(anomaly.EmergencyUsed, store.SeverityHigh), suspend(anomaly.NewNetwork, store.SeverityMedium), suspend(anomaly.RateChange, store.SeverityHigh),
		},
		MostPerHour: map[string]int{anomaly.ActionBlacklist: 2},
		Never:       anomaly.Protected{Keys: []string{"key_moved"}, Networks: []string{"192.0.2.3"}},
	}
	if got := d.replayed(noon.AddDate(0, 0, -14), tried); !slices.Equal(got, want) {
		t.Errorf("found\n%q, want\n%q", got, want)
	}
	if got := d.replayed(noon.AddDate(0, 0, -14), anomaly.Policy{Thresholds: map[string]string{
		"guesses": "1000", "network_guesses": "1000", "dead_uses": "100", "rate_factor": "100", "known_networks": "1", "known_for": "90d", "silence": "90d",
	}}); !slices.Equal(got, []string{"emergency_used high key:key_emergency"}) {
		t.Errorf("with other thresholds: %q", got)
	}
	if all, _, err := d.store.Anomalies(t.Context(), store.AnomalyFilter{}, store.Page{}); err != nil || len(all) != 0 {
		t.Errorf("%d findings were written down, %v", len(all), err)
	}
}

// TestAReplayRemembersWhatWasFoundAndNotEachTimeOfItUpToABound, says when that
// was not all, and ends with who asks.
func TestAReplayRemembersWhatWasFoundAndNotEachTimeOfItUpToABound(t *testing.T) {
	d := newDesk(t)
	for half := range 2 { // a store need not take more than 10,000 rows at once
		var b store.UsageBatch
		for n := range 5025 {
			b.Failing = append(b.Failing, store.FailingAddress{
				Minute: noon.Add(-time.Hour), Reason: "unknown_key", Address: netip.AddrFrom4([4]byte{198, byte(18 + half), byte(n / 250), byte(n % 250)}), Checks: 1,
			})
		}
		d.add(b)
	}
	tried := anomaly.Policy{Thresholds: map[string]string{"guesses": "1", "network_guesses": "1000000"}}
	plan, problems := tried.Check()
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	found, notes, err := anomaly.Replay(t.Context(), d.store, noon.Add(-2*time.Hour), d.now, &plan, nil)
	if err != nil || len(found) != 10_000 || len(notes) != 1 || !strings.Contains(notes[0], "10000") {
		t.Errorf("%d found, %q, %v", len(found), notes, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, _, err := anomaly.Replay(ended, d.store, noon.Add(-2*time.Hour), d.now, &plan, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("goes on for nobody: %v", err)
	}
}
