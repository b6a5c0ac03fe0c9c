package anomaly

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"credence/store"
	"credence/store/sketch"
	"credence/store/timespan"
)

// The types of findings.
const (
	BruteForce       = "brute_force"
	CredentialSpread = "credential_spread" //nolint:gosec // no credential
	DeadKeyUsed      = "dead_key_used"
	ScopeProbing     = "scope_probing"
	EmergencyUsed    = "emergency_used"
	NewNetwork       = "new_network"
	ManyNetworks     = "many_networks"
	RateChange       = "rate_change"
	UnusualHours     = "unusual_hours"
	AfterSilence     = "after_silence"
	ImpossibleTravel = "impossible_travel"
)

// Types lists the types.
func Types() []string {
	return []string{
		BruteForce, CredentialSpread, DeadKeyUsed, ScopeProbing, EmergencyUsed, NewNetwork, ManyNetworks, RateChange, UnusualHours, AfterSilence, ImpossibleTravel,
	}
}

// Minutes is what was counted in the last minutes.
type Minutes struct {
	Failing   []store.FailingAddress
	Denied    []store.UsageMinute // of keys
	Emergency []store.Key         // that were used
}

// JudgeMinutes answers what the last minutes show.
func JudgeMinutes(in Minutes, t Thresholds) []store.Anomaly {
	found := append(guessing(in.Failing, t), refusedKeys(in.Denied, t)...)
	for i := range in.Emergency {
		k := &in.Emergency[i]
		found = append(found, ofKey(EmergencyUsed, store.SeverityHigh, k.KeyID, k.Namespace, k.LastUsedAt, k.LastUsedAt, store.Evidence{
			Observed: 1, Message: "emergency key " + k.KeyID + " is in use" + from(k.LastUsedIP),
		}))
	}
	return found
}

func from(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return ", from " + a.String()
}

// ofKey is a finding about a key.
func ofKey(kind string, severity store.Severity, keyID, namespace string, first, last time.Time, e store.Evidence) store.Anomaly {
	return store.Anomaly{
		Type: kind, Severity: severity, KeyID: keyID, Namespace: namespace, Subject: "key:" + keyID, FirstAt: first, LastAt: last, Evidence: e,
	}
}

// guesses are the refusals of somebody who tries credentials.
func guesses(reason string) bool { return reason == "unknown_key" || reason == "malformed_key" }

// tally is what was seen of one subject.
type tally struct {
	checks      int64
	first, last time.Time
	addresses   sketch.Sketch
	clients     map[netip.Addr]bool
	namespace   string
	reasons     map[string]int64
}

func (y *tally) see(minute time.Time, checks int64) {
	if y.first.IsZero() || minute.Before(y.first) {
		y.first = minute
	}
	if end := minute.Add(time.Minute - time.Microsecond); end.After(y.last) {
		y.last = end
	}
	y.checks += checks
}

// guessing looks for addresses, and networks of addresses, that try credentials.
func guessing(failing []store.FailingAddress, t Thresholds) []store.Anomaly {
	addresses, networks := map[netip.Addr]*tally{}, map[netip.Addr]*tally{}
	for _, f := range failing {
		if !guesses(f.Reason) {
			continue
		}
		a, n := at(addresses, f.Address), at(networks, store.KeyNetworkOf(f.Address))
		a.see(f.Minute, f.Checks)
		n.see(f.Minute, f.Checks)
		n.clients[f.Address] = true
	}
	var found []store.Anomaly
	for _, address := range slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare) {
		if y := addresses[address]; y.checks >= t.Guesses {
			found = append(found, guess("address:"+address.String(), y, t.Guesses, t,
				fmt.Sprintf("%s presented %d wrong credentials within %s", address, y.checks, timespan.Text(t.Window))))
		}
	}
	for _, network := range slices.SortedFunc(maps.Keys(networks), netip.Addr.Compare) {
		if y := networks[network]; y.checks >= t.NetworkGuesses && len(y.clients) >= t.NetworkAddresses {
			found = append(found, guess("network:"+prefix(network), y, t.NetworkGuesses, t,
				fmt.Sprintf("%d addresses of %s presented %d wrong credentials within %s", len(y.clients), prefix(network), y.checks, timespan.Text(t.Window))))
		}
	}
	return found
}

func prefix(network netip.Addr) string {
	bits := 24
	if network.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(network, bits).String()
}

func guess(subject string, y *tally, expected int64, t Thresholds, message string) store.Anomaly {
	severity := store.SeverityMedium
	if y.checks >= 10*expected {
		severity = store.SeverityHigh
	}
	return store.Anomaly{
		Type: BruteForce, Severity: severity, Subject: subject, FirstAt: y.first, LastAt: y.last,
		Evidence: store.Evidence{Observed: float64(y.checks), Expected: float64(expected), Window: t.Window, Message: message},
	}
}

func at[K comparable](all map[K]*tally, k K) *tally {
	y := all[k]
	if y == nil {
		y = &tally{clients: map[netip.Addr]bool{}, reasons: map[string]int64{}}
		all[k] = y
	}
	return y
}

// The reasons that tell of a key which is not valid any more, of one that asks
// for what it may not, and of a client that should not have the key.
func group(reason string) string {
	switch strings.TrimPrefix(reason, "shadow_") {
	case "revoked", "expired", "grace_ended", "suspended", "disabled":
		return DeadKeyUsed
	case "scope_missing", "route_not_allowed", "namespace_not_allowed":
		return ScopeProbing
	}
	return ""
}

// spreads are refusals of a key that do not depend on how much it is used.
func spreads(reason string) bool {
	return group(reason) != "" || strings.TrimPrefix(reason, "shadow_") == "network_not_allowed"
}

// refusedKeys looks for keys that are refused.
func refusedKeys(denied []store.UsageMinute, t Thresholds) []store.Anomaly {
	type subject struct{ kind, key string }
	all := map[subject]*tally{}
	for i := range denied {
		u := &denied[i]
		for _, kind := range []string{group(u.Reason), map[bool]string{true: CredentialSpread}[spreads(u.Reason)]} {
			if kind == "" || u.KeyID == store.UsageOther {
				continue
			}
			y := at(all, subject{kind, u.KeyID})
			y.see(u.Minute, u.Checks)
			y.addresses.Merge(&u.Addresses)
			y.namespace = u.Namespace
			y.reasons[strings.TrimPrefix(u.Reason, "shadow_")] += u.Checks
		}
	}
	var found []store.Anomaly
	for s, y := range all {
		if a, is := judgeRefused(s.kind, s.key, y, t); is {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b store.Anomaly) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Subject, b.Subject))
	})
	return found
}

func judgeRefused(kind, key string, y *tally, t Thresholds) (store.Anomaly, bool) {
	addresses := y.addresses.Estimate()
	e := store.Evidence{Observed: float64(y.checks), Window: t.Window}
	switch kind {
	case DeadKeyUsed:
		severity, least := store.SeverityLow, t.DeadUses
		if y.reasons["revoked"]+y.reasons["suspended"] > 0 {
			severity = store.SeverityHigh
		}
		e.Message = fmt.Sprintf("key %s is not valid (%s) and was presented %d times within %s, from about %d addresses",
			key, mostly(y.reasons), y.checks, timespan.Text(t.Window), addresses)
		return ofKey(kind, severity, key, y.namespace, y.first, y.last, e), y.checks >= least
	case ScopeProbing:
		e.Expected = float64(t.Probes)
		e.Message = fmt.Sprintf("key %s asked %d times within %s for what it may not (%s)", key, y.checks, timespan.Text(t.Window), mostly(y.reasons))
		return ofKey(kind, store.SeverityMedium, key, y.namespace, y.first, y.last, e), y.checks >= t.Probes
	case CredentialSpread:
		e.Observed, e.Expected = float64(addresses), float64(t.SpreadAddresses)
		e.Message = fmt.Sprintf("key %s was refused within %s from about %d addresses (%s): it seems to be known to many",
			key, timespan.Text(t.Window), addresses, mostly(y.reasons))
		return ofKey(kind, store.SeverityHigh, key, y.namespace, y.first, y.last, e), addresses >= t.SpreadAddresses
	}
	return store.Anomaly{}, false
}

// mostly is the most frequent reason.
func mostly(reasons map[string]int64) string {
	return slices.MaxFunc(slices.Sorted(maps.Keys(reasons)), func(a, b string) int {
		return cmp.Compare(reasons[a], reasons[b])
	})
}
