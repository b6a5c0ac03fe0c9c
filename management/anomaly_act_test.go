package management_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// watched is a fixture whose policy says what is done.
type watched struct {
	*fixture

	t *testing.T
}

func newWatched(t *testing.T, p management.AnomalyPolicyDocument) watched {
	t.Helper()
	w := watched{newFixture(t), t}
	w.policy(p)
	return w
}

func (w watched) policy(p management.AnomalyPolicyDocument) {
	w.t.Helper()
	was, err := w.AnomalyPolicyRead(w.t.Context(), global)
	must(w.t, err)
	_, err = w.AnomalyPolicySet(w.t.Context(), global, management.AnomalyPolicySet{Policy: p, Version: was.Version})
	must(w.t, err)
}

func rules(all ...management.AnomalyRule) management.AnomalyPolicyDocument {
	return management.AnomalyPolicyDocument{Actions: all}
}

var (
	suspends   = management.AnomalyRule{Type: "rate_change", Severity: store.SeverityHigh, Action: "suspend"}
	throttles  = management.AnomalyRule{Type: "rate_change", Severity: store.SeverityMedium, Action: "throttle", Share: 20}
	blacklists = management.AnomalyRule{Type: "brute_force", Severity: store.SeverityMedium, Action: "blacklist", For: "2h"}
)

func (w watched) limited(in management.KeyCreate) store.Key {
	w.t.Helper()
	in.Limits = []management.LimitInput{{Name: "m", Limit: 100, Period: "1m"}}
	return w.key(in).Key
}

func (w watched) see(severity store.Severity, k *store.Key) store.Anomaly {
	w.t.Helper()
	found, _, err := w.AnomalySee(w.t.Context(), store.Anomaly{
		Type: "rate_change", Severity: severity, Namespace: k.Namespace, KeyID: k.KeyID, Subject: "key:" + k.KeyID,
		FirstAt: w.clock(), LastAt: w.clock(), Evidence: store.Evidence{Observed: 9, Message: "much"},
	})
	must(w.t, err)
	return found
}

func (w watched) seeAddress(subject string) store.Anomaly {
	w.t.Helper()
	found, _, err := w.AnomalySee(w.t.Context(), store.Anomaly{
		Type: "brute_force", Severity: store.SeverityHigh, Subject: subject, FirstAt: w.clock(), LastAt: w.clock(),
	})
	must(w.t, err)
	return found
}

func (w watched) undo(id string) store.Anomaly {
	w.t.Helper()
	found, err := w.AnomalyUndo(w.t.Context(), global, management.AnomalyChange{ID: id, Note: "wrong"})
	must(w.t, err)
	return found
}

// outcomes are what came of the actions of a finding.
func outcomes(a store.Anomaly) string {
	var out []string
	for _, d := range a.Actions {
		text := d.Action + " " + d.Outcome
		if !d.UndoneAt.IsZero() {
			text += " undone"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestNothingIsDoneUnlessAPolicySaysSo(t *testing.T) {
	w := watched{newFixture(t), t}
	k := w.limited(management.KeyCreate{})
	found := w.see(store.SeverityHigh, &k)
	if after := w.read(k.KeyID); after.Version != k.Version || len(found.Actions) != 0 {
		t.Errorf("%+v, %+v", after, found.Actions)
	}
}

// TestAKeyIsThrottledThenSuspendedAsAFindingGrowsAndUndoTakesAllBack: each with
// its audit entry and event, decided once however often the pass is repeated.
func TestAKeyIsThrottledThenSuspendedAsAFindingGrowsAndUndoTakesAllBack(t *testing.T) {
	w := newWatched(t, rules(suspends, throttles))
	told := w.hook("", "key.*", "anomaly.*").Webhook.ID
	k := w.limited(management.KeyCreate{Namespace: "a"})
	found := w.see(store.SeverityMedium, &k)
	if now := w.read(k.KeyID); now.Throttle != 20 || now.Status != store.StatusActive || outcomes(found) != "throttle done" {
		t.Fatalf("throttled to %d, %s, %s", now.Throttle, now.Status, outcomes(found))
	}
	w.see(store.SeverityMedium, &k)
	w.advance(time.Minute)
	found = w.see(store.SeverityHigh, &k)
	if now := w.read(k.KeyID); now.Status != store.StatusSuspended || now.StatusReason != "anomaly "+found.ID+": rate_change" || outcomes(found) != "throttle done, suspend done" {
		t.Fatalf("%s because of %q, %s", now.Status, now.StatusReason, outcomes(found))
	}
	entries := len(w.entries("a"))
	for range 3 {
		w.advance(5 * time.Second)
		w.see(store.SeverityHigh, &k)
	}
	if now := len(w.entries("a")); now != entries {
		t.Errorf("%d entries after the pass was repeated, want %d", now, entries)
	}
	if found = w.undo(found.ID); outcomes(found) != "throttle done undone, suspend done undone" || found.Actions[0].UndoneBy != global.ID {
		t.Errorf("undone: %+v", found.Actions)
	}
	if now := w.read(k.KeyID); now.Status != store.StatusActive || now.Throttle != 0 || now.StatusReason != "" {
		t.Errorf("after undo: %s, throttled to %d", now.Status, now.Throttle)
	}
	w.see(store.SeverityHigh, &k)
	if now := w.read(k.KeyID); now.Status != store.StatusActive {
		t.Errorf("a finding that was undone was acted upon again: %s", now.Status)
	}
	want := "key.created key.updated anomaly.opened key.suspended key.updated key.enabled"
	if got := types(w.told(told)); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestAnAddressIsBlacklistedForATimeAndUndoLetsItIn(t *testing.T) {
	w := newWatched(t, rules(blacklists))
	for subject, network := range map[string]string{
		"address:192.0.2.9": "192.0.2.9/32", "address:2001:db8:1:2::": "2001:db8:1:2::/64", "network:198.51.100.0/24": "198.51.100.0/24",
	} {
		found := w.seeAddress(subject)
		if outcomes(found) != "blacklist done" {
			t.Fatalf("%s: %s %+v", subject, outcomes(found), found.Actions)
		}
		done := found.Actions[0]
		r, err := w.store.BlacklistRule(t.Context(), done.RuleID)
		must(t, err)
		if r.Network.String() != network || r.Namespace != "" || !r.EndsAt.Equal(w.clock().Add(2*time.Hour)) || !done.Until.Equal(r.EndsAt) {
			t.Errorf("%s: rule %+v", subject, r)
		}
		w.undo(found.ID)
		if _, err := w.store.BlacklistRule(t.Context(), done.RuleID); err == nil {
			t.Errorf("%s is refused still", subject)
		}
	}
}

// TestWhatIsProtectedOrNotPossibleIsLeftAloneAndTheFindingSaysWhy.
func TestWhatIsProtectedOrNotPossibleIsLeftAloneAndTheFindingSaysWhy(t *testing.T) {
	w := newWatched(t, rules(suspends, throttles, blacklists))
	spared := w.limited(management.KeyCreate{})
	p := rules(suspends, throttles, blacklists)
	p.Never.Keys, p.Never.Namespaces, p.Never.Networks = []string{spared.KeyID}, []string{"b"}, []string{"203.0.113.0/24", "::ffff:198.51.100.0/120", "::ffff:192.0.2.77"}
	w.policy(p)
	bare := w.key(management.KeyCreate{}).Key
	inB := w.limited(management.KeyCreate{Namespace: "b"})
	emergency := w.limited(management.KeyCreate{KeyType: "emergency", Reason: "outage", ExpiresIn: "1h"})
	disabled := w.limited(management.KeyCreate{})
	_, err := w.KeyDisable(t.Context(), global, management.KeyStatusChange{KeyID: disabled.KeyID})
	must(t, err)
	disabled = w.read(disabled.KeyID)
	for _, c := range []struct {
		key      *store.Key
		severity store.Severity
		want     string
	}{
		{&spared, store.SeverityHigh, "suspend protected"},
		{&inB, store.SeverityHigh, "suspend protected"},
		{&emergency, store.SeverityMedium, "throttle protected"},
		{&disabled, store.SeverityHigh, "suspend already"},
		{&bare, store.SeverityMedium, "throttle impossible"},
	} {
		found := w.see(c.severity, c.key)
		if now := w.read(c.key.KeyID); outcomes(found) != c.want || found.Actions[0].Detail == "" || now.Version != c.key.Version || !found.ActedAt.IsZero() {
			t.Errorf("%s: %s, want %s, version %d", c.key.Name, outcomes(found), c.want, now.Version)
		}
	}
	w.rule(management.BlacklistAdd{Network: "192.0.2.1"})
	for subject, want := range map[string]string{
		"address:203.0.113.7": "blacklist protected", "network:203.0.113.0/24": "blacklist protected", "address:192.0.2.1": "blacklist already",
		"address:198.51.100.7": "blacklist protected", "address:192.0.2.77": "blacklist protected", // written as IPv6
	} {
		if found := w.seeAddress(subject); outcomes(found) != want {
			t.Errorf("%s: %s, want %s", subject, outcomes(found), want)
		}
	}
}

// TestNoAddressIsBlacklistedWhileNobodyHasSaidWhereAddressesComeFrom: behind a
// load balancer it would be that of everybody. A policy that is there already,
// from a time when it was said, does no harm either.
func TestNoAddressIsBlacklistedWhileNobodyHasSaidWhereAddressesComeFrom(t *testing.T) {
	w := newWatched(t, rules(suspends, blacklists))
	w.Service = w.with(func(o *management.Options) { o.ClientSourceKnown = false })
	was, err := w.AnomalyPolicyRead(t.Context(), global)
	must(t, err)
	_, err = w.AnomalyPolicySet(t.Context(), global, management.AnomalyPolicySet{Policy: rules(suspends, blacklists), Version: was.Version})
	e := refused(t, err, management.CodeInvalidInput)
	if len(e.Fields) != 1 || e.Fields[0].Field != "actions[1].action" || !strings.Contains(e.Fields[0].Remedy, "--client-source") {
		t.Errorf("%+v", e.Fields)
	}
	found := w.seeAddress("address:192.0.2.9")
	if outcomes(found) != "blacklist impossible" || !strings.Contains(found.Actions[0].Detail, "--client-source") {
		t.Errorf("%s: %+v", outcomes(found), found.Actions)
	}
	if _, all, err := w.store.CountBlacklistRules(t.Context(), ""); err != nil || all != 0 {
		t.Errorf("%d rules, %v", all, err)
	}
	w.policy(rules(suspends)) // what is about keys needs no address
}

// TestADetectorThatIsWrongTakesNoPlatformDown: beyond the cap nothing is done
// within the hour, and the findings say so.
func TestADetectorThatIsWrongTakesNoPlatformDown(t *testing.T) {
	p := rules(suspends)
	p.MostPerHour = map[string]int{"suspend": 5} // three of one namespace
	w := newWatched(t, p)
	suspended := func(keys int) (n int) {
		for range keys {
			k := w.limited(management.KeyCreate{})
			if found := w.see(store.SeverityHigh, &k); outcomes(found) == "suspend done" {
				n++
			} else if outcomes(found) != "suspend capped" || w.read(k.KeyID).Status != store.StatusActive {
				t.Errorf("%s", outcomes(found))
			}
			w.advance(time.Second)
		}
		return n
	}
	if n := suspended(8); n != 3 {
		t.Errorf("%d of 8 keys were suspended, want 3", n)
	}
	w.advance(time.Hour)
	if n := suspended(1); n != 1 {
		t.Error("nothing is done an hour later either")
	}
}

// TestOneNamespaceLeavesSomethingOfTheCapToTheOthers.
func TestOneNamespaceLeavesSomethingOfTheCapToTheOthers(t *testing.T) {
	p := rules(suspends)
	p.MostPerHour = map[string]int{"suspend": 6}
	w := newWatched(t, p)
	done := map[string]int{}
	for _, namespace := range []string{"a", "a", "a", "a", "a", "a", "a", "b", "b", "b", "b", "default"} {
		k := w.limited(management.KeyCreate{Namespace: namespace})
		if found := w.see(store.SeverityHigh, &k); outcomes(found) == "suspend done" {
			done[namespace]++
		} else if outcomes(found) != "suspend capped" {
			t.Errorf("%s", outcomes(found))
		}
	}
	if done["a"] != 3 || done["b"] != 3 || done["default"] != 0 {
		t.Errorf("suspended %v, want three of each of the first two", done)
	}
}

// TestAFindingThatGoesOnIsDecidedAnewWhenTheFirstDecisionIsOver: an address that
// is refused for two hours and goes on is refused again, with a rule of its own,
// and what was capped is tried after the hour. Until then nothing is repeated.
func TestAFindingThatGoesOnIsDecidedAnewWhenTheFirstDecisionIsOver(t *testing.T) {
	p := rules(suspends, blacklists)
	p.MostPerHour = map[string]int{"suspend": 1}
	w := newWatched(t, p)
	first, second := w.limited(management.KeyCreate{}), w.limited(management.KeyCreate{})
	w.see(store.SeverityHigh, &first)
	w.see(store.SeverityHigh, &second)
	w.seeAddress("address:192.0.2.9")
	w.advance(time.Hour - time.Microsecond)
	if found := w.see(store.SeverityHigh, &second); outcomes(found) != "suspend capped" {
		t.Errorf("within the hour: %s", outcomes(found))
	}
	w.advance(time.Microsecond)
	if found := w.see(store.SeverityHigh, &second); outcomes(found) != "suspend capped, suspend done" {
		t.Errorf("after the hour: %s", outcomes(found))
	}
	w.advance(time.Hour - time.Microsecond)
	if found := w.seeAddress("address:192.0.2.9"); outcomes(found) != "blacklist done" {
		t.Errorf("while it is refused: %s", outcomes(found))
	}
	w.advance(time.Microsecond)
	found := w.seeAddress("address:192.0.2.9")
	if outcomes(found) != "blacklist done, blacklist done" || found.Actions[0].RuleID == found.Actions[1].RuleID || !found.Actions[1].Until.Equal(w.clock().Add(2*time.Hour)) {
		t.Errorf("when its time is over: %+v", found.Actions)
	}
	for range 40 {
		w.advance(2 * time.Hour)
		found = w.seeAddress("address:192.0.2.9")
	}
	if n := len(found.Actions); n != 16 || !found.Actions[n-1].Until.Equal(w.clock().Add(2*time.Hour)) {
		t.Errorf("of months %d actions are kept, the last of %v", n, found.Actions[n-1].At)
	}
	if found = w.undo(found.ID); found.Actions[len(found.Actions)-1].UndoneAt.IsZero() {
		t.Errorf("%+v", found.Actions)
	}
	w.advance(2 * time.Hour)
	before := len(found.Actions)
	if found = w.seeAddress("address:192.0.2.9"); len(found.Actions) != before {
		t.Errorf("what was undone was done again: %s", outcomes(found))
	}
}

// TestUndoLeavesWhatSomebodyHasDecidedSince.
func TestUndoLeavesWhatSomebodyHasDecidedSince(t *testing.T) {
	w := newWatched(t, rules(suspends, throttles, blacklists))
	k := w.limited(management.KeyCreate{})
	found := w.see(store.SeverityHigh, &k)
	_, err := w.KeyEnable(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID})
	must(t, err)
	w.advance(time.Second)
	_, err = w.KeySuspend(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID, Reason: "by hand"})
	must(t, err)
	w.undo(found.ID)
	if now := w.read(k.KeyID); now.Status != store.StatusSuspended || now.StatusReason != "by hand" {
		t.Errorf("%s because of %q", now.Status, now.StatusReason)
	}
	address := w.seeAddress("address:192.0.2.9")
	_, err = w.BlacklistRemove(t.Context(), global, address.Actions[0].RuleID)
	must(t, err)
	if again := w.undo(address.ID); outcomes(again) != "blacklist done undone" {
		t.Errorf("%s", outcomes(again))
	}
}

// TestEnablingAThrottledKeyGivesItAllOfItsRates, and rotating it makes a key
// that nobody has used.
func TestEnablingAThrottledKeyGivesItAllOfItsRates(t *testing.T) {
	w := newWatched(t, rules(throttles))
	k := w.limited(management.KeyCreate{})
	w.see(store.SeverityMedium, &k)
	made, err := w.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: k.KeyID, Grace: "1h"})
	must(t, err)
	if made.Key.Throttle != 0 || made.Previous.Throttle != 20 {
		t.Errorf("the successor has %d, the one before %d", made.Key.Throttle, made.Previous.Throttle)
	}
	_, err = w.KeyEnable(t.Context(), global, management.KeyStatusChange{KeyID: k.KeyID})
	must(t, err)
	if now := w.read(k.KeyID); now.Throttle != 0 {
		t.Errorf("throttled to %d", now.Throttle)
	}
}

// TestAPolicyThatMakesNoSenseIsRefusedFieldByField.
func TestAPolicyThatMakesNoSenseIsRefusedFieldByField(t *testing.T) {
	f := newFixture(t)
	rule := func(kind, severity, action string, share int, lasts string) management.AnomalyPolicyDocument {
		return rules(management.AnomalyRule{Type: kind, Severity: store.Severity(severity), Action: action, Share: share, For: lasts})
	}
	numbers := func(pairs ...string) (p management.AnomalyPolicyDocument) {
		p.Thresholds = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			p.Thresholds[pairs[i]] = pairs[i+1]
		}
		return p
	}
	grades := func(kind, severity string) (p management.AnomalyPolicyDocument) {
		p.Severities = map[string]store.Severity{kind: store.Severity(severity)}
		return p
	}
	with := func(p management.AnomalyPolicyDocument, kind, severity string) management.AnomalyPolicyDocument {
		p.Actions = rule(kind, severity, "suspend", 0, "").Actions
		return p
	}
	never := func(edit func(*management.AnomalyPolicyDocument)) (p management.AnomalyPolicyDocument) {
		edit(&p)
		return p
	}
	for name, c := range map[string]struct {
		policy management.AnomalyPolicyDocument
		field  string
	}{
		"unknown detector":          {rule("magic", "high", "suspend", 0, ""), "actions[0].anomaly_type"},
		"unknown severity":          {rule("rate_change", "grave", "suspend", 0, ""), "actions[0].severity"},
		"severity it never has":     {rule("unusual_hours", "critical", "suspend", 0, ""), "actions[0].severity"},
		"unknown action":            {rule("rate_change", "high", "explode", 0, ""), "actions[0].action"},
		"a key blacklisted":         {rule("rate_change", "high", "blacklist", 0, "1h"), "actions[0].action"},
		"an address suspended":      {rule("brute_force", "high", "suspend", 0, ""), "actions[0].action"},
		"throttle without share":    {rule("rate_change", "high", "throttle", 0, ""), "actions[0].share"},
		"throttle to all":           {rule("rate_change", "high", "throttle", 100, ""), "actions[0].share"},
		"share without throttle":    {rule("rate_change", "high", "suspend", 50, ""), "actions[0].share"},
		"blacklist without end":     {rule("brute_force", "high", "blacklist", 0, ""), "actions[0].for"},
		"blacklist for ever":        {rule("brute_force", "high", "blacklist", 0, "400d"), "actions[0].for"},
		"shorter than the window":   {rule("brute_force", "high", "blacklist", 0, "9m"), "actions[0].for"},
		"an end without blacklist":  {rule("rate_change", "high", "suspend", 0, "1h"), "actions[0].for"},
		"two rules for one":         {rules(suspends, suspends), "actions[1]"},
		"severity of no detector":   {grades("magic", "high"), "severities"},
		"no severity":               {grades("scope_probing", "grave"), "severities.scope_probing"},
		"no severity at all":        {grades("scope_probing", ""), "severities.scope_probing"},
		"more severe than is set":   {with(grades("scope_probing", "low"), "scope_probing", "medium"), "actions[0].severity"},
		"unknown threshold":         {numbers("magic", "1"), "thresholds"},
		"no number":                 {numbers("guesses", "many"), "thresholds.guesses"},
		"half a guess":              {numbers("guesses", "1.5"), "thresholds.guesses"},
		"not a number at all":       {numbers("rate_factor", "NaN"), "thresholds.rate_factor"},
		"no length of time":         {numbers("window", "10"), "thresholds.window"},
		"window too long":           {numbers("window", "25h"), "thresholds.window"},
		"silence below a day":       {numbers("silence", "1h"), "thresholds.silence"},
		"days beyond the profile":   {numbers("days", "29"), "thresholds.days"},
		"network before address":    {numbers("guesses", "500"), "thresholds.network_guesses"},
		"highest above the factor":  {numbers("highest", "9"), "thresholds.highest"},
		"cap of what has none":      {never(func(p *management.AnomalyPolicyDocument) { p.MostPerHour = map[string]int{"notify": 1} }), "most_per_hour"},
		"cap below nothing":         {never(func(p *management.AnomalyPolicyDocument) { p.MostPerHour = map[string]int{"suspend": -1} }), "most_per_hour.suspend"},
		"protects no network":       {never(func(p *management.AnomalyPolicyDocument) { p.Never.Networks = []string{"lan"} }), "never.networks[0]"},
		"protects half of IPv6":     {never(func(p *management.AnomalyPolicyDocument) { p.Never.Networks = []string{"::ffff:0.0.0.0/95"} }), "never.networks[0]"},
		"protects a key without id": {never(func(p *management.AnomalyPolicyDocument) { p.Never.Keys = []string{""} }), "never.keys[0]"},
	} {
		_, err := f.AnomalyPolicySet(t.Context(), global, management.AnomalyPolicySet{Policy: c.policy, Version: 1})
		e := refused(t, err, management.CodeInvalidInput)
		if len(e.Fields) != 1 || e.Fields[0].Field != c.field || e.Fields[0].Remedy == "" {
			t.Errorf("%s: %+v, want one problem of %s", name, e.Fields, c.field)
		}
	}
}

func TestAPolicyIsSetOverTheOneThatWasReadAndReset(t *testing.T) {
	f := newFixture(t)
	p := rules(blacklists)
	p.Thresholds = map[string]string{"guesses": "50"}
	_, err := f.AnomalyPolicySet(t.Context(), global, management.AnomalyPolicySet{Policy: p})
	refused(t, err, management.CodePreconditionRequired)
	set, err := f.AnomalyPolicySet(t.Context(), global, management.AnomalyPolicySet{Policy: p, Version: 1})
	must(t, err)
	read, err := f.AnomalyPolicyRead(t.Context(), global)
	must(t, err)
	if read.Version != 2 || set.Version != 2 || read.Thresholds["guesses"] != "50" || len(read.Policy.Actions) != 1 || read.Rules[0].Action != "blacklist" {
		t.Errorf("%+v", read)
	}
	_, err = f.AnomalyPolicySet(t.Context(), global, management.AnomalyPolicySet{Policy: p, Version: 1})
	refused(t, err, management.CodeStaleVersion)
	must(t, f.AnomalyPolicyReset(t.Context(), global, 2))
	if read, err = f.AnomalyPolicyRead(t.Context(), global); err != nil || len(read.Policy.Actions) != 0 || read.Thresholds["guesses"] != "100" {
		t.Errorf("%+v, %v", read, err)
	}
}

// TestAStricterShareTakesThePlaceOfTheFirst, and undo takes it back.
func TestAStricterShareTakesThePlaceOfTheFirst(t *testing.T) {
	stricter := throttles
	stricter.Severity, stricter.Share = store.SeverityHigh, 5
	w := newWatched(t, rules(throttles, stricter))
	k := w.limited(management.KeyCreate{Namespace: "a"})
	w.see(store.SeverityMedium, &k)
	w.advance(time.Minute)
	found := w.see(store.SeverityHigh, &k)
	if now := w.read(k.KeyID); now.Throttle != 5 {
		t.Fatalf("throttled to %d: %s", now.Throttle, outcomes(found))
	}
	w.undo(found.ID)
	if now := w.read(k.KeyID); now.Throttle != 0 {
		t.Errorf("throttled to %d after undo", now.Throttle)
	}
}

// TestAPolicyThatThisVersionCannotReadIsShownAndReplaced: nothing is done by
// it, detectors compare with the defaults, and the answer has the version that
// another one is set with.
func TestAPolicyThatThisVersionCannotReadIsShownAndReplaced(t *testing.T) {
	for name, c := range map[string]struct{ document, problem string }{
		"a field of a later version":    {`{"moods":["grumpy"]}`, "moods"},
		"a detector of a later version": {`{"actions":[{"anomaly_type":"telepathy","severity":"high","action":"suspend"}]}`, "telepathy"},
		"a list where there was none":   {`{"thresholds":[1]}`, "cannot unmarshal array"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatched(t, rules(suspends))
			read, err := w.AnomalyPolicyRead(t.Context(), global)
			must(t, err)
			_, err = w.store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				tx.Audit(store.AuditRecord{Actor: "later", Action: "anomaly_policy.set", Object: "anomaly_policy:default"})
				return tx.UpdateAnomalyPolicy(ctx, store.AnomalyPolicy{Document: c.document, UpdatedAt: w.clock(), Version: read.Version})
			})
			must(t, err)
			k := w.limited(management.KeyCreate{Namespace: "a"})
			if found := w.see(store.SeverityHigh, &k); len(found.Actions) != 0 || w.read(k.KeyID).Status != store.StatusActive {
				t.Errorf("done by it: %s", outcomes(found))
			}
			if read, err = w.AnomalyPolicyRead(t.Context(), global); err != nil || !strings.Contains(read.Problem, c.problem) {
				t.Fatalf("%+v, %v", read, err)
			}
			if read.Version != 3 || read.Thresholds["guesses"] != "100" || len(read.Policy.Actions) != 0 {
				t.Errorf("%+v", read)
			}
			for _, r := range read.Rules {
				if r.Action != "notify" {
					t.Errorf("shown as done: %+v", r)
				}
			}
			_, err = w.AnomalyReplay(t.Context(), global, management.AnomalyReplay{Since: w.clock().Add(-time.Hour)})
			if blamed := blames(t, err, "policy"); !strings.Contains(blamed.Problem, c.problem) {
				t.Errorf("replay: %+v", blamed)
			}
			w.policy(rules(suspends))
			if entry, d := w.last(""); entry.Action != "anomaly_policy.set" || d.Before["document"] == nil {
				t.Errorf("audited %s of %v", entry.Action, d.Before)
			}
			w.advance(time.Minute)
			if found := w.see(store.SeverityHigh, &k); outcomes(found) != "suspend done" {
				t.Errorf("done by the new one: %s", outcomes(found))
			}
		})
	}
}
