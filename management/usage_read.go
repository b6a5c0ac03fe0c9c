package management

import (
	"context"
	"fmt"
	"slices"
	"time"

	"credence/store"
)

// UsageRead is the input of [Service.UsageRead] and [Service.UsageTop]. Empty
// fields do not narrow.
type UsageRead struct {
	Since, Until time.Time // zero: a day ago, now
	By           string    // minute, hour or day; "": what suits the length
	Group        string    // key, owner, plan, namespace, route, reason, agent; "": all together
	Top          string    // of UsageTop: requests, denials, latency; "": requests

	Namespace string
	KeyID     string
	Owner     string
	Plan      string
	Route     string // route policy
	Reason    string
	Denied    bool // only refusals
	Limit     int  // rows; 0: 1000, of UsageTop 20
}

// UsageAnswer is sums of usage.
type UsageAnswer struct {
	Since, Until time.Time // the times that begin in between, whole ones
	By           store.UsageStep
	Items        []store.UsageSum
	More         bool             // there were more rows than the limit
	Gaps         []store.UsageGap // times in which some of the usage was lost
}

const (
	// MaxUsageRows bounds an answer.
	MaxUsageRows     = 10_000
	defaultUsageRows = 1000
	defaultUsageTop  = 20
	maxUsageGaps     = 100
	maxRouteName     = 63
)

// UsageRead sums usage over time. Who is limited to namespaces sees what was
// counted of their keys; Checks without a key belong to no namespace.
func (s *Service) UsageRead(ctx context.Context, a Actor, in UsageRead) (UsageAnswer, error) {
	return s.usageAnswer(ctx, a, in, true)
}

// UsageTop answers the largest groups of a time.
func (s *Service) UsageTop(ctx context.Context, a Actor, in UsageRead) (UsageAnswer, error) {
	return s.usageAnswer(ctx, a, in, false)
}

func (s *Service) usageAnswer(ctx context.Context, a Actor, in UsageRead, series bool) (UsageAnswer, error) {
	q, err := in.query(s.now().UTC(), series)
	if err != nil {
		return UsageAnswer{}, err
	}
	out := UsageAnswer{Since: q.From, Until: q.Until, By: q.Step}
	var some bool
	if q.Namespaces, some = a.visible(in.Namespace); !some {
		return out, nil
	}
	q.Limit++
	if out.Items, err = s.store.UsageSums(ctx, q); err != nil {
		return UsageAnswer{}, failed("read usage", err)
	}
	if out.More = len(out.Items) == q.Limit; out.More {
		out.Items = out.Items[:q.Limit-1]
	}
	if out.Gaps, err = s.store.UsageGaps(ctx, q.From, q.Until, maxUsageGaps); err != nil {
		return UsageAnswer{}, failed("read usage", err)
	}
	return out, nil
}

func (in *UsageRead) query(now time.Time, series bool) (store.UsageQuery, error) {
	p := &problems{now: now}
	q := store.UsageQuery{
		Series: series, Denied: in.Denied, Limit: in.Limit,
		KeyID: p.text("key_id", in.KeyID, 0, maxFilter), Owner: p.text("owner", in.Owner, 0, maxFilter),
		Plan: p.text("plan", in.Plan, 0, maxFilter), Policy: p.text("route", in.Route, 0, maxRouteName),
		Reason: p.text("reason", in.Reason, 0, maxFilter),
		Group:  word(p, "group", in.Group, "", store.UsageGroups()),
		Top:    word(p, "by", in.Top, store.UsageRequests, store.UsageMeasures()),
	}
	p.text("namespace", in.Namespace, 0, maxNamespace)
	q.From, q.Until = p.usageTime(in.Since, in.Until)
	q.Step = word(p, "by", in.By, usageStepFor(q.Until.Sub(q.From)), store.UsageSteps())
	if q.Group == store.UsageOfAgent {
		p.usageOfAgents(in, &q)
	}
	length := usageStepLength(q.Step)
	q.From = q.From.Truncate(length)
	if series && q.Until.Sub(q.From)/length > MaxUsageRows {
		p.add("by", fmt.Sprintf("makes more than %d times", MaxUsageRows), "sum by longer ones, or ask for less")
	}
	switch {
	case in.Limit < 0 || in.Limit > MaxUsageRows:
		p.add("limit", fmt.Sprintf("%d is out of range", in.Limit), fmt.Sprintf("use 1 to %d", MaxUsageRows))
	case in.Limit == 0 && series:
		q.Limit = defaultUsageRows
	case in.Limit == 0:
		q.Limit = defaultUsageTop
	}
	return q, p.err("read usage")
}

// usageOfAgents wants only what is known of user agents.
func (p *problems) usageOfAgents(in *UsageRead, q *store.UsageQuery) {
	if in.Route != "" || in.Reason != "" || in.Denied {
		p.add("group", "\"agent\" cannot be narrowed by route, reason or denied: user agents are summed by key and hour alone",
			"leave those out, or tell apart by something else")
	}
	if q.Step != store.UsageByMinute {
		return
	}
	if in.By != "" {
		p.add("by", "\"minute\" is shorter than the hours that user agents are summed by", "use one of hour, day")
	}
	q.Step = store.UsageByHour
}

// usageTime is the time that is asked about.
func (p *problems) usageTime(since, until time.Time) (from, end time.Time) {
	from, end = p.instant("since", since), p.instant("until", until)
	if end.IsZero() {
		end = p.now
	}
	if from.IsZero() {
		from = end.Add(-24 * time.Hour)
	}
	if !from.Before(end) {
		p.add("since", "is not before "+end.Format(time.RFC3339), "begin earlier or end later")
	}
	return from, end
}

// word checks one of some words; fallback when there is none.
func word[T ~string](p *problems, field, value string, fallback T, words []T) T {
	if value == "" {
		return fallback
	}
	if !slices.Contains(words, T(value)) {
		p.add(field, quoted(value)+" is none of the words it can be", "use one of "+listed(words))
	}
	return T(value)
}

// usageStepFor is what a length of time is summed by when nobody says.
func usageStepFor(length time.Duration) store.UsageStep {
	switch {
	case length <= 3*time.Hour:
		return store.UsageByMinute
	case length <= 8*24*time.Hour:
		return store.UsageByHour
	}
	return store.UsageByDay
}

func usageStepLength(s store.UsageStep) time.Duration {
	switch s {
	case store.UsageByHour:
		return time.Hour
	case store.UsageByDay:
		return 24 * time.Hour
	case store.UsageByMinute:
	}
	return time.Minute
}
