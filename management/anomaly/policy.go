package anomaly

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/store"
)

// Policy is the document that says what detectors compare with, and what is
// done about what they find. The zero Policy is all defaults, and nothing done.
type Policy struct {
	// Thresholds are those that differ from the defaults, by name, as text.
	Thresholds map[string]string `json:"thresholds,omitempty"`
	// Severities are how severe findings of a type are, whatever the detector
	// would say, by type.
	Severities map[string]store.Severity `json:"severities,omitempty"`
	Actions    []Rule                    `json:"actions,omitempty"`
	// MostPerHour is how often an action may be carried out within an hour, by
	// action; DefaultPerHour for those that are not named.
	MostPerHour map[string]int `json:"most_per_hour,omitempty"`
	// Never is about what nothing is ever done.
	Never Protected `json:"never,omitzero"`
}

// Rule says what is done about findings of a type that are this severe or
// more. The rule of the highest severity counts.
type Rule struct {
	Type     string         `json:"anomaly_type"`
	Severity store.Severity `json:"severity"`
	Action   string         `json:"action"`
	Share    int            `json:"share,omitempty"` // percent of its rates that a throttled key is held to
	For      string         `json:"for,omitempty"`   // how long an address is blacklisted
}

// Protected is what no action is ever about.
type Protected struct {
	Keys       []string `json:"keys,omitempty"`
	Networks   []string `json:"networks,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
}

// The actions.
const (
	ActionNotify    = "notify" // the default: the finding exists, webhooks are told
	ActionThrottle  = "throttle"
	ActionSuspend   = "suspend"
	ActionBlacklist = "blacklist"
)

// What comes of an action besides [store.AnomalyActionDone].
const (
	OutcomeProtected  = "protected"
	OutcomeCapped     = "capped"
	OutcomeAlready    = "already"
	OutcomeImpossible = "impossible"
)

// Actions lists the actions, the mildest first.
func Actions() []string {
	return []string{ActionNotify, ActionThrottle, ActionSuspend, ActionBlacklist}
}

// What bounds a policy.
const (
	DefaultPerHour = 10
	MostPerHour    = 1000 // that a policy may allow
	maxRules       = 64
	maxProtected   = 1000
	maxFor         = 30 * 24 * time.Hour
)

// Problem is one thing that is wrong with a policy.
type Problem struct{ Field, Problem, Remedy string }

// Plan is a policy that was checked.
type Plan struct {
	Thresholds Thresholds

	set      map[string]store.Severity // by type, where the policy says so
	rules    []Rule
	lasts    map[Rule]time.Duration
	most     map[string]int
	keys     []string
	networks []netip.Prefix
	spaces   []string
}

// Read reads a stored document. It refuses fields that it does not know: a
// later version means something by them.
func Read(document string) (Policy, error) {
	var p Policy
	d := json.NewDecoder(bytes.NewReader([]byte(document)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("anomaly policy: %w; set it again with this version", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("anomaly policy: more than one document; set it again")
	}
	return p, nil
}

// PlanOf answers the plan of a stored policy.
func PlanOf(stored store.AnomalyPolicy) (Plan, error) {
	p, err := Read(stored.Document)
	if err != nil {
		return Plan{}, err
	}
	plan, problems := p.Check()
	if len(problems) > 0 {
		return Plan{}, fmt.Errorf("anomaly policy: %s %s; %s", problems[0].Field, problems[0].Problem, problems[0].Remedy)
	}
	return plan, nil
}

// Check answers the plan that a policy describes, and everything that is wrong
// with it.
func (p *Policy) Check() (Plan, []Problem) {
	c := &checker{}
	plan := Plan{
		Thresholds: c.thresholds(p.Thresholds), set: c.severities(p.Severities), lasts: map[Rule]time.Duration{},
		most: map[string]int{ActionThrottle: DefaultPerHour, ActionSuspend: DefaultPerHour, ActionBlacklist: DefaultPerHour},
	}
	if len(p.Actions) > maxRules {
		c.add("actions", fmt.Sprintf("has %d rules, more than %d", len(p.Actions), maxRules), "leave some out")
	}
	for i := range p.Actions[:min(len(p.Actions), maxRules)] {
		c.rule(&plan, "actions["+strconv.Itoa(i)+"]", p.Actions[i])
	}
	for _, action := range sortedNames(p.MostPerHour) {
		most := p.MostPerHour[action]
		switch {
		case !slices.Contains(Actions()[1:], action):
			c.add("most_per_hour", strconv.Quote(clip(action))+" is no action that is capped", "use one of "+strings.Join(Actions()[1:], ", "))
		case most < 0 || most > MostPerHour:
			c.add("most_per_hour."+action, strconv.Itoa(most)+" is out of range", "use 0 to "+strconv.Itoa(MostPerHour)+"; 0 is never")
		default:
			plan.most[action] = most
		}
	}
	c.never(&plan, &p.Never)
	return plan, c.problems
}

// Rule answers what the plan wants done about a finding; false for nothing.
func (p *Plan) Rule(kind string, severity store.Severity) (Rule, bool) {
	var found Rule
	for _, r := range p.rules {
		if r.Type == kind && rank(r.Severity) <= rank(severity) && (found.Type == "" || rank(r.Severity) > rank(found.Severity)) {
			found = r
		}
	}
	return found, found.Type != "" && found.Action != ActionNotify
}

// All are what the plan wants done about each type and severity there is.
func (p *Plan) All() []Rule {
	var all []Rule
	for _, kind := range Types() {
		for _, severity := range p.severities(kind) {
			r, is := p.Rule(kind, severity)
			if !is {
				r = Rule{Action: ActionNotify}
			}
			r.Type, r.Severity = kind, severity
			all = append(all, r)
		}
	}
	return all
}

// Blacklists are the rules that blacklist.
func (p *Plan) Blacklists() []Rule {
	return slices.DeleteFunc(slices.Clone(p.rules), func(r Rule) bool { return r.Action != ActionBlacklist })
}

// Lasts is how long the rule blacklists.
func (p *Plan) Lasts(r Rule) time.Duration { return p.lasts[r] }

// MostPerHour is how often the action may be carried out within an hour.
func (p *Plan) MostPerHour(action string) int { return p.most[action] }

// NeverKey reports whether nothing may be done about the key.
func (p *Plan) NeverKey(keyID, namespace string) bool {
	return slices.Contains(p.keys, keyID) || slices.Contains(p.spaces, namespace)
}

// NeverNetwork answers the protected network that the given one touches.
func (p *Plan) NeverNetwork(network netip.Prefix) (netip.Prefix, bool) {
	for _, n := range p.networks {
		if n.Overlaps(network) {
			return n, true
		}
	}
	return netip.Prefix{}, false
}

func rank(s store.Severity) int { return slices.Index(store.Severities(), s) }

// Over reports whether what came of an action holds no longer, so that there is
// to be decided anew: an address is refused for a time, a cap is of an hour, and
// what was not possible may be after that.
func Over(a *store.AnomalyAction, now time.Time) bool {
	if a.Outcome == OutcomeCapped || a.Outcome == OutcomeImpossible {
		return !a.At.After(now.Add(-time.Hour))
	}
	return a.Action == ActionBlacklist && !a.Until.IsZero() && !a.Until.After(now)
}

// Decided reports whether what is to be done about a finding of the severity
// was decided, and holds still.
func Decided(actions []store.AnomalyAction, severity store.Severity, now time.Time) bool {
	return slices.ContainsFunc(actions, func(a store.AnomalyAction) bool {
		return rank(a.Severity) >= rank(severity) && !Over(&a, now)
	})
}

// mostActions is how many actions a finding remembers of those that are over.
const mostActions = 16

// Add adds what came of an action to those of a finding. A finding can last for
// months: of those that are over, and count for no cap any more, the oldest go.
func Add(actions []store.AnomalyAction, done store.AnomalyAction) []store.AnomalyAction {
	for i := 0; len(actions) >= mostActions && i < len(actions); {
		if a := &actions[i]; a.UndoneAt.IsZero() && Over(a, done.At) && !a.At.After(done.At.Add(-time.Hour)) {
			actions = slices.Delete(actions, i, i+1)
		} else {
			i++
		}
	}
	return append(actions, done)
}

// Cap is why an action is not done now though it could be.
type Cap int

// An action is done as often as the policy says within an hour, and about the
// keys of one namespace half as often, so that one in which much is found
// leaves something to the others.
const (
	CapNone Cap = iota
	CapOfAll
	CapOfNamespace
)

// Capped answers whether the action may be done once more, having been done all
// times within the hour, and own times about keys of the namespace ("" for what
// is about an address).
func (p *Plan) Capped(action, namespace string, all, own int) Cap {
	most := p.MostPerHour(action)
	switch {
	case all >= most:
		return CapOfAll
	case namespace != "" && own >= (most+1)/2:
		return CapOfNamespace
	}
	return CapNone
}

// Grade gives findings the severity that the plan says for their type.
func (p *Plan) Grade(found []store.Anomaly) {
	for i := range found {
		if severity, set := p.set[found[i].Type]; set {
			found[i].Severity = severity
		}
	}
}

// severities are those that findings of a type have under the plan.
func (p *Plan) severities(kind string) []store.Severity {
	if severity, set := p.set[kind]; set {
		return []store.Severity{severity}
	}
	return severities(kind)
}

// severities are those that the detector of a type gives.
func severities(kind string) []store.Severity {
	switch kind {
	case BruteForce, RateChange:
		return []store.Severity{store.SeverityMedium, store.SeverityHigh}
	case CredentialSpread, EmergencyUsed, ManyNetworks, ImpossibleTravel:
		return []store.Severity{store.SeverityHigh}
	case DeadKeyUsed:
		return []store.Severity{store.SeverityLow, store.SeverityHigh}
	case UnusualHours:
		return []store.Severity{store.SeverityLow}
	case ScopeProbing, NewNetwork, AfterSilence:
		return []store.Severity{store.SeverityMedium}
	}
	return nil
}

// NetworkOf is what a finding about an address is about. Of IPv6 a /64 counts
// as one address.
func NetworkOf(subject string) (netip.Prefix, bool) {
	if text, is := strings.CutPrefix(subject, "network:"); is {
		n, err := netip.ParsePrefix(text)
		return n, err == nil
	}
	a, err := netip.ParseAddr(strings.TrimPrefix(subject, "address:"))
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	n, err := a.Prefix(bits)
	return n, err == nil
}
