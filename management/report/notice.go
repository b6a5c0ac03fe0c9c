package report

import "fmt"

// notice is a sentence about something that somebody should look at.
type notice struct {
	Level  string // bad, warn, good
	Text   string
	Anchor string // the section that says more
}

// notices are what the report comes down to, the worst first.
func (r *Report) notices() []notice {
	var bad, warn []notice
	if urgent := r.Anomalies.Urgent; urgent > 0 {
		bad = append(bad, notice{"bad", many(urgent, "finding", "findings") + " of high or critical severity not resolved", "anomalies"})
	}
	if calm := r.Anomalies.Open - r.Anomalies.Urgent; calm > 0 {
		warn = append(warn, notice{"warn", many(calm, "finding", "findings") + " of lower severity not resolved", "anomalies"})
	}
	if full := r.Quotas.UsedUp; full > 0 {
		bad = append(bad, notice{"bad", many(full, "quota is", "quotas are") + " used up", "quotas"})
	}
	if near := r.Quotas.Total - r.Quotas.UsedUp; near > 0 {
		warn = append(warn, notice{"warn", many(near, "quota is", "quotas are") + " close to the end", "quotas"})
	}
	if r.Usage.Gaps > 0 {
		bad = append(bad, notice{"bad", "Some usage was lost: the numbers are a little low", "usage"})
	}
	for _, l := range []struct {
		total     int
		one, more string
		anchor    string
	}{
		{r.Breaches.Total, "key breaks its policy", "keys break their policy", "breaches"},
		{r.Expiring.Total, "key ends soon", "keys end soon", "expiring"},
		{r.RotationsDue.Total, "key is to be rotated", "keys are to be rotated", "rotations"},
		{r.Unused.Total, "key is unused", "keys are unused", "unused"},
		{r.Keys.Suspended, "key is suspended", "keys are suspended", "keys"},
	} {
		if l.total > 0 {
			warn = append(warn, notice{"warn", many(l.total, l.one, l.more), l.anchor})
		}
	}
	badOutside, warnOutside := r.outsideNotices()
	bad, warn = append(bad, badOutside...), append(warn, warnOutside...)
	if up := r.jump(); up != "" {
		warn = append(warn, notice{"warn", up, "reasons"})
	}
	all := append(bad, warn...)
	if len(all) == 0 {
		all = append(all, notice{"good", "Nothing needs your attention", ""})
	}
	return all
}

// jump says that far more is refused than before.
func (r *Report) jump() string {
	now, before := r.Usage.Total, r.Usage.Before
	const least = 100 // below that, twice as much is chance
	if before.Denied == 0 || now.Denied < least || now.Denied < 2*before.Denied {
		return ""
	}
	return fmt.Sprintf("Refusals: %s, against %s in the time before", number(now.Denied), number(before.Denied))
}

// tile is a number at the top.
type tile struct {
	Name, Value, Note string
	Tone              string // "", bad, warn
}

func (r *Report) tiles() []tile {
	t, b := &r.Usage.Total, &r.Usage.Before
	refused := tile{Name: "Refused", Value: percent(t.Denied, t.Requests), Note: number(t.Denied) + " requests"}
	if r.jump() != "" {
		refused.Tone = "warn"
	}
	keys := tile{Name: "Keys in force", Value: number(r.Keys.Active)}
	if r.Keys.Suspended > 0 {
		keys.Note, keys.Tone = number(r.Keys.Suspended)+" suspended", "warn"
	}
	findings := tile{Name: "Findings", Value: number(r.Anomalies.Total)}
	if r.Anomalies.Urgent > 0 {
		findings.Tone, findings.Note = "bad", number(r.Anomalies.Urgent)+" urgent ones open"
	}
	mean := tile{Name: "Mean Check", Value: took(t.Mean)}
	if mean.Value == "" {
		mean.Value = "–"
	} else if b.Mean > 0 {
		mean.Note = took(b.Mean) + " before"
	}
	return []tile{
		{Name: "Requests", Value: short(t.Requests), Note: change(t.Requests, b.Requests)},
		refused,
		{Name: "Addresses", Value: "~" + short(t.Addresses), Note: change(t.Addresses, b.Addresses)},
		mean, keys, findings,
	}
}
