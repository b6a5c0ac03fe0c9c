package anomaly

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"credence/store"
	"credence/store/timespan"
)

// checker notes what is wrong with a policy.
type checker struct{ problems []Problem }

func (c *checker) add(field, problem, remedy string) {
	c.problems = append(c.problems, Problem{field, problem, remedy})
}

const day = 24 * time.Hour

// threshold is one that can be set: where it is, and between what.
type threshold struct {
	name        string
	at          any // *int, *int64, *float64, *time.Duration
	least, most float64
}

// table lists the thresholds that can be set.
func (t *Thresholds) table() []threshold {
	span := func(d time.Duration) float64 { return float64(d) }
	return []threshold{
		{"window", &t.Window, span(time.Minute), span(time.Hour)},
		{"guesses", &t.Guesses, 1, 1e9},
		{"network_guesses", &t.NetworkGuesses, 1, 1e9},
		{"network_addresses", &t.NetworkAddresses, 2, 256},
		{"spread_addresses", &t.SpreadAddresses, 2, 1e6},
		{"dead_uses", &t.DeadUses, 1, 1e9},
		{"probes", &t.Probes, 1, 1e9},
		{"known_for", &t.KnownFor, span(day), span(365 * day)},
		{"known_networks", &t.KnownNetworks, 1, store.MaxKeyNetworks - 1},
		{"many_networks", &t.ManyNetworks, 2, store.MaxKeyNetworks - 1},
		{"travel_speed", &t.TravelSpeed, 100, 1e5},
		{"travel_distance", &t.TravelDistance, 1, 20_000},
		{"rate_factor", &t.RateFactor, 1, 1e6},
		{"deviations", &t.Deviations, 1, 1e6},
		{"highest", &t.Highest, 1, 1e6},
		{"rate_least", &t.RateLeast, 1, 1e12},
		{"weeks", &t.Weeks, 1, profileDays / 7},
		{"days", &t.Days, 1, profileDays},
		{"silence", &t.Silence, span(day), span(365 * day)},
	}
}

// Names lists the thresholds that a policy may name, with their values.
func (t *Thresholds) Names() map[string]string {
	all := map[string]string{}
	for _, row := range t.table() {
		switch at := row.at.(type) {
		case *int:
			all[row.name] = strconv.Itoa(*at)
		case *int64:
			all[row.name] = strconv.FormatInt(*at, 10)
		case *float64:
			all[row.name] = strconv.FormatFloat(*at, 'f', -1, 64)
		case *time.Duration:
			all[row.name] = at.String()
		}
	}
	return all
}

// thresholds are the defaults with what the policy says otherwise.
func (c *checker) thresholds(set map[string]string) Thresholds {
	t := Defaults()
	known := map[string]threshold{}
	for _, row := range t.table() {
		known[row.name] = row
	}
	for _, name := range sortedNames(set) {
		row, is := known[name]
		if !is {
			c.add("thresholds", strconv.Quote(clip(name))+" is no threshold", "use one of "+strings.Join(sortedNames(known), ", "))
			continue
		}
		if problem, remedy := row.set(set[name]); problem != "" {
			c.add("thresholds."+name, problem, remedy)
		}
	}
	if t.NetworkGuesses < t.Guesses {
		c.add("thresholds.network_guesses", fmt.Sprintf("%d is less than guesses, %d: a network would be found before the address that does it", t.NetworkGuesses, t.Guesses),
			"raise it, or lower guesses")
	}
	if t.Highest > t.RateFactor {
		c.add("thresholds.highest", fmt.Sprintf("%v is more than rate_factor, %v, which would decide nothing then", t.Highest, t.RateFactor), "lower it, or raise rate_factor")
	}
	return t
}

// set sets a threshold from its text.
func (row *threshold) set(text string) (problem, remedy string) {
	quoted := strconv.Quote(clip(text))
	if at, is := row.at.(*time.Duration); is {
		d, err := timespan.Parse(text)
		if err != nil {
			return quoted + " is no length of time", "give one such as 10m, 24h or 30d"
		}
		if least, most := time.Duration(row.least), time.Duration(row.most); d < least || d > most {
			return quoted + " is out of range", fmt.Sprintf("use %s to %s", least, most)
		}
		*at = d
		return "", ""
	}
	f, err := strconv.ParseFloat(text, 64)
	_, fraction := row.at.(*float64)
	switch {
	case err != nil || !fraction && f != float64(int64(f)):
		return quoted + " is no " + map[bool]string{true: "number", false: "whole number"}[fraction], "give one such as 20"
	case !(f >= row.least && f <= row.most): // also what is no number
		return quoted + " is out of range", fmt.Sprintf("use %.0f to %.0f", row.least, row.most)
	}
	switch at := row.at.(type) {
	case *int:
		*at = int(f)
	case *int64:
		*at = int64(f)
	case *float64:
		*at = f
	}
	return "", ""
}

// severities checks those that the policy gives to types.
func (c *checker) severities(set map[string]store.Severity) map[string]store.Severity {
	out := map[string]store.Severity{}
	for _, kind := range sortedNames(set) {
		switch {
		case !slices.Contains(Types(), kind):
			c.add("severities", strconv.Quote(clip(kind))+" is no detector", "use one of "+strings.Join(Types(), ", "))
		case rank(set[kind]) < 0:
			c.add("severities."+kind, strconv.Quote(clip(string(set[kind])))+" is no severity", "use "+texts(store.Severities(), ", "))
		default:
			out[kind] = set[kind]
		}
	}
	return out
}

// ruleSeverity checks that the rule can be about a finding. One that is about
// less severe findings of a type whose severity was set is about them still:
// that severe or more.
func (c *checker) ruleSeverity(plan *Plan, field string, r Rule) {
	can := severities(r.Type)
	if severity, set := plan.set[r.Type]; set {
		can = store.Severities()[:rank(severity)+1]
	}
	if !slices.Contains(can, r.Severity) {
		c.add(field, fmt.Sprintf("%s is never %s", r.Type, strconv.Quote(clip(string(r.Severity)))), "use "+texts(can, " or "))
	}
}

// rule checks one, and adds it to the plan.
func (c *checker) rule(plan *Plan, field string, r Rule) {
	was := len(c.problems)
	if !slices.Contains(Types(), r.Type) {
		c.add(field+".anomaly_type", strconv.Quote(clip(r.Type))+" is no detector", "use one of "+strings.Join(Types(), ", "))
	} else {
		c.ruleSeverity(plan, field+".severity", r)
	}
	switch about := r.Type == BruteForce; {
	case !slices.Contains(Actions(), r.Action):
		c.add(field+".action", strconv.Quote(clip(r.Action))+" is no action", "use one of "+strings.Join(Actions(), ", "))
	case r.Action == ActionBlacklist && !about:
		c.add(field+".action", r.Type+" is about keys, and no address can be blacklisted for it", "use throttle or suspend")
	case (r.Action == ActionThrottle || r.Action == ActionSuspend) && about:
		c.add(field+".action", r.Type+" is about addresses, and no key can be throttled or suspended for it", "use blacklist")
	}
	if throttles := r.Action == ActionThrottle; throttles != (r.Share != 0) || throttles && (r.Share < 1 || r.Share > 99) {
		c.add(field+".share", strconv.Itoa(r.Share)+" does not fit the action", "give 1 to 99 (percent) with throttle, and nothing with others")
	}
	c.lasts(plan, field, r)
	if slices.ContainsFunc(plan.rules, func(o Rule) bool { return o.Type == r.Type && o.Severity == r.Severity }) {
		c.add(field, "is the second rule for "+r.Type+" "+string(r.Severity), "leave one of them out")
	}
	if len(c.problems) == was {
		plan.rules = append(plan.rules, r)
	}
}

// lasts checks for how long a rule blacklists. What was counted within the
// window is counted still when a shorter time is over.
func (c *checker) lasts(plan *Plan, field string, r Rule) {
	if r.Action != ActionBlacklist {
		if r.For != "" {
			c.add(field+".for", strconv.Quote(clip(r.For))+" does not fit the action", "leave it out: only blacklist has an end")
		}
		return
	}
	switch lasts, err := timespan.Parse(r.For); {
	case err != nil:
		c.add(field+".for", strconv.Quote(clip(r.For))+" is no length of time", "say how long the address is refused, e.g. 1h or 2d")
	case lasts > maxFor:
		c.add(field+".for", lasts.String()+" is too long", "use at most "+maxFor.String())
	case lasts < plan.Thresholds.Window:
		c.add(field+".for", fmt.Sprintf("%s is shorter than the window of the detector, %s: what was seen once would be seen again", lasts, plan.Thresholds.Window),
			"use at least the window")
	default:
		plan.lasts[r] = lasts
	}
}

// never checks what is protected.
func (c *checker) never(plan *Plan, p *Protected) {
	for _, list := range []struct {
		field  string
		values []string
	}{{"never.keys", p.Keys}, {"never.networks", p.Networks}, {"never.namespaces", p.Namespaces}} {
		if len(list.values) > maxProtected {
			c.add(list.field, fmt.Sprintf("has %d entries, more than %d", len(list.values), maxProtected), "leave some out")
			return
		}
		for i, v := range list.values {
			if v == "" || len(v) > 128 {
				c.add(fmt.Sprintf("%s[%d]", list.field, i), "is empty or too long", "leave it out, or name what is meant")
			}
		}
	}
	for i, v := range p.Networks {
		n, err := netip.ParsePrefix(v)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(v); err == nil {
				n = netip.PrefixFrom(a.WithZone(""), a.BitLen())
			}
		}
		if err != nil {
			c.add(fmt.Sprintf("never.networks[%d]", i), strconv.Quote(clip(v))+" is no network", "write one as 10.0.0.0/8 or 192.0.2.1")
			continue
		}
		if n.Addr().Is4In6() { // clients' addresses are compared as IPv4, and no IPv4 network touches one of IPv6
			if n.Bits() < 96 {
				c.add(fmt.Sprintf("never.networks[%d]", i), strconv.Quote(clip(v))+" is more than all IPv4 addresses", "write it as IPv4: 0.0.0.0/0 for all, or 10.0.0.0/8")
				continue
			}
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		plan.networks = append(plan.networks, n.Masked())
	}
	plan.keys, plan.spaces = p.Keys, p.Namespaces
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func texts[T ~string](all []T, between string) string {
	var out []string
	for _, v := range all {
		out = append(out, string(v))
	}
	return strings.Join(out, between)
}

// clip bounds what an error repeats.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
