package management

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"credence/management/report"
	"credence/store"
)

// Bounds of what a report lists.
const (
	reportTop     = 10
	reportLines   = 25
	reportReasons = 100 // more than there are
	reportActions = 40
	reportActed   = 3   // of what was done about a finding
	reportPages   = 400 // of a list that is looked through: 200,000 rows

	reportExpiring = 30 * 24 * time.Hour // ahead
	reportUnused   = 90 * 24 * time.Hour
)

// reporter builds one report, with the eyes of somebody who may see what it is
// about and nothing else, whoever asked for it.
type reporter struct {
	*Service

	actor  Actor
	scopes []string // namespaces; none: all
	head   *store.Report
	out    *report.Report
	names  map[string]store.Key // of keys that were read
}

func (s *Service) buildReport(ctx context.Context, head *store.Report) (*report.Report, error) {
	b := &reporter{Service: s, actor: Actor{ID: "job:report", Role: store.RoleAuditor}, head: head, names: map[string]store.Key{}}
	if head.Namespace != "" {
		b.scopes = []string{head.Namespace}
		b.actor.Namespaces = b.scopes
	}
	b.out = &report.Report{
		Version: report.Version, ID: head.ID, Namespace: head.Namespace, Span: string(head.Span), Since: head.Since, Until: head.Until,
		MadeAt: head.CreatedAt, MadeBy: head.CreatedBy,
	}
	for _, part := range []func(context.Context) error{
		b.usage, b.tops, b.limited, b.keys, b.expiring, b.unused, b.breaches, b.rotations, b.outside, b.quotas, b.anomalies, b.blacklist, b.audit,
	} {
		if err := part(ctx); err != nil {
			return nil, err
		}
	}
	return b.out, nil
}

// step is what usage is read by: as the length suits, but no finer than what is
// still kept.
func (b *reporter) step() store.UsageStep {
	step := usageStepFor(b.head.Until.Sub(b.head.Since))
	// The time before is read, too.
	age := b.head.CreatedAt.Sub(b.head.Since.Add(b.head.Since.Sub(b.head.Until)))
	if step == store.UsageByMinute && b.retention.Usage > 0 && age > b.retention.Usage {
		step = store.UsageByHour
	}
	if step == store.UsageByHour && b.retention.UsageHours > 0 && age > b.retention.UsageHours {
		step = store.UsageByDay
	}
	return step
}

// sums reads usage of the report's time, or of one beside it.
func (b *reporter) sums(ctx context.Context, in UsageRead, series bool) (UsageAnswer, error) {
	in.Namespace, in.By = b.head.Namespace, string(b.step())
	if in.Since.IsZero() {
		in.Since, in.Until = b.head.Since, b.head.Until
	}
	read := in
	if !series {
		read.By = "" // is by what the largest come first
		q, err := read.query(b.now().UTC(), false)
		if err != nil {
			return UsageAnswer{}, err
		}
		q.Step = b.step()
		q.From, q.Namespaces = in.Since.Truncate(usageStepLength(q.Step)), b.scopes
		items, err := b.store.UsageSums(ctx, q)
		return UsageAnswer{Since: q.From, Until: q.Until, By: q.Step, Items: items}, err
	}
	return b.usageAnswer(ctx, b.actor, read, true)
}

func (b *reporter) usage(ctx context.Context) error {
	u := &b.out.Usage
	course, err := b.sums(ctx, UsageRead{Limit: MaxUsageRows}, true)
	if err != nil {
		return err
	}
	u.Since, u.Until, u.Step = course.Since, course.Until, string(course.By)
	if u.Gaps = len(course.Gaps); u.Gaps > 0 {
		u.GapsSince = course.Gaps[0].From
	}
	counted := map[int64]store.UsageSum{}
	for _, s := range course.Items {
		counted[s.Start.Unix()] = s
	}
	for at := u.Since; at.Before(u.Until); at = at.Add(usageStepLength(course.By)) {
		s := counted[at.Unix()]
		u.Course = append(u.Course, report.Point{Start: at, Requests: s.Checks, Denied: s.Denied})
	}
	for _, whole := range []struct {
		into         *report.Sum
		since, until time.Time
	}{
		{&u.Total, b.head.Since, b.head.Until},
		{&u.Before, b.head.Since.Add(b.head.Since.Sub(b.head.Until)), b.head.Since},
	} {
		got, err := b.sums(ctx, UsageRead{Since: whole.since, Until: whole.until, Limit: 1}, false)
		if err != nil {
			return err
		}
		for i := range got.Items {
			*whole.into = reportSum(&got.Items[i])
		}
	}
	return nil
}

func reportSum(s *store.UsageSum) report.Sum {
	out := report.Sum{ID: s.Group, Namespace: s.Namespace, Requests: s.Checks, Denied: s.Denied, Addresses: s.Addresses.Estimate()}
	if s.Checks > 0 {
		out.Mean = s.Latency / time.Duration(s.Checks)
	}
	return out
}

func (b *reporter) tops(ctx context.Context) error {
	for _, top := range []struct {
		into *[]report.Sum
		read UsageRead
	}{
		{&b.out.Reasons, UsageRead{Group: "reason", Limit: reportReasons}},
		{&b.out.TopKeys, UsageRead{Group: "key"}},
		{&b.out.TopDenied, UsageRead{Group: "key", Top: "denials"}},
		{&b.out.TopOwners, UsageRead{Group: "owner"}},
		{&b.out.TopRoutes, UsageRead{Group: "route"}},
		{&b.out.TopNamespaces, UsageRead{Group: "namespace"}},
	} {
		if top.read.Group == "namespace" && b.head.Namespace != "" {
			continue
		}
		top.read.Limit = cmp.Or(top.read.Limit, reportTop)
		got, err := b.sums(ctx, top.read, false)
		if err != nil {
			return err
		}
		for i := range got.Items {
			sum := reportSum(&got.Items[i])
			if top.read.Top == "denials" && sum.Denied == 0 {
				continue
			}
			if top.read.Group == "key" {
				if err := b.name(ctx, &sum); err != nil {
					return err
				}
			}
			*top.into = append(*top.into, sum)
		}
	}
	if b.head.Namespace != "" {
		return nil
	}
	found, err := b.store.FailingSums(ctx, "", b.head.Since.Truncate(time.Minute), b.head.Until, reportTop)
	for _, f := range found {
		b.out.Addresses = append(b.out.Addresses, report.Address{Address: f.Address.String(), Reason: f.Reason, Refused: f.Checks})
	}
	return err
}

// limited are the keys that met a limit or an empty quota, those that did so
// most often first.
func (b *reporter) limited(ctx context.Context) error {
	all := map[string]*store.UsageSum{}
	for _, reason := range []string{"rate_limited", "quota_exhausted"} {
		got, err := b.sums(ctx, UsageRead{Group: "key", Reason: reason, Limit: MaxUsageRows}, false)
		if err != nil {
			return err
		}
		for i := range got.Items {
			merge(all, &got.Items[i])
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(all), func(x, y string) int {
		return cmp.Or(cmp.Compare(all[y].Denied, all[x].Denied), strings.Compare(x, y))
	})[:min(len(all), reportTop)] {
		sum := reportSum(all[id])
		if err := b.name(ctx, &sum); err != nil {
			return err
		}
		b.out.Limited = append(b.out.Limited, sum)
	}
	return nil
}

// merge adds a sum to what there is of its group.
func merge(all map[string]*store.UsageSum, s *store.UsageSum) {
	of := all[s.Group]
	if of == nil {
		all[s.Group] = s
		return
	}
	of.Checks += s.Checks
	of.Denied += s.Denied
	of.Latency += s.Latency
	of.Addresses.Merge(&s.Addresses)
}

// name says what a key is called.
func (b *reporter) name(ctx context.Context, s *report.Sum) error {
	if s.ID == "" || s.ID == store.UsageOther {
		return nil
	}
	k, known := b.names[s.ID]
	if !known {
		var err error
		if k, err = b.store.Key(ctx, s.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		b.names[s.ID] = k
	}
	s.Name, s.Owner, s.Namespace = k.Name, k.Owner, k.Namespace
	return nil
}

func (b *reporter) quotas(ctx context.Context) error {
	found, err := b.UsageQuotas(ctx, b.actor, UsageQuotas{Namespace: b.head.Namespace, Page: PageInput{Limit: reportLines}})
	q := &b.out.Quotas
	q.Total, q.UsedUp, q.More = found.Total, found.UsedUp, found.More
	for _, of := range found.Items {
		q.Items = append(q.Items, report.Quota{
			Namespace: of.Namespace, KeyID: of.KeyID, Owner: of.Owner, Name: of.Name, Used: of.Used, Limit: of.Limit, RefillsAt: of.End,
		})
	}
	return err
}

// anomalies are those seen in the time of the report, and those that were not
// resolved before it, the most severe first.
func (b *reporter) anomalies(ctx context.Context) error {
	var first []store.Anomaly
	page := store.Page{Limit: store.MaxPage}
	b.out.Anomalies.More = true
	for range reportPages {
		found, next, err := b.store.Anomalies(ctx, store.AnomalyFilter{Namespaces: b.scopes}, page)
		if err != nil {
			return err
		}
		for i := range found {
			if b.counts(&found[i]) {
				first = append(first, found[i])
			}
		}
		slices.SortStableFunc(first, func(x, y store.Anomaly) int { return cmp.Compare(urgency(&y), urgency(&x)) })
		first = first[:min(len(first), reportLines)]
		if page.After = next; next == "" {
			b.out.Anomalies.More = false
			break
		}
	}
	for i := range first {
		b.out.Anomalies.Items = append(b.out.Anomalies.Items, reportAnomaly(&first[i]))
	}
	return nil
}

// counts adds a finding to the numbers, if the report is about it.
func (b *reporter) counts(a *store.Anomaly) bool {
	seen := a.FirstAt.Before(b.head.Until) && !a.LastAt.Before(b.head.Since)
	open := a.State != store.AnomalyResolved && a.FirstAt.Before(b.head.Until)
	if !seen && !open {
		return false
	}
	of := &b.out.Anomalies
	of.Total++
	if open {
		of.Open++
		if a.Severity == store.SeverityHigh || a.Severity == store.SeverityCritical {
			of.Urgent++
		}
	}
	return true
}

// urgency orders findings: what is resolved is less urgent than what is not.
func urgency(a *store.Anomaly) int {
	n := slices.Index(store.Severities(), a.Severity)
	if a.State == store.AnomalyResolved {
		n -= len(store.Severities())
	}
	return n
}

func reportAnomaly(a *store.Anomaly) report.Anomaly {
	said := byPolicy(a)
	if done := a.StateBy; done != "" {
		if a.Note != "" {
			done += ": " + a.Note
		}
		said = append(said, done)
	}
	return report.Anomaly{
		ID: a.ID, Type: a.Type, Severity: string(a.Severity), State: string(a.State), Subject: a.Subject,
		Message: a.Evidence.Message, LastAt: a.LastAt, Done: strings.Join(said, "; "),
	}
}

// byPolicy is what a policy had done about a finding, the newest of it.
func byPolicy(a *store.Anomaly) (said []string) {
	for _, d := range a.Actions[max(0, len(a.Actions)-reportActed):] {
		text := d.Action + " " + d.Outcome
		if d.Detail != "" {
			text += ": " + d.Detail
		}
		if !d.UndoneAt.IsZero() {
			text += " (undone by " + d.UndoneBy + ")"
		}
		said = append(said, text)
	}
	return said
}

func (b *reporter) filter() store.AuditFilter {
	return store.AuditFilter{Chains: b.scopes, Since: b.head.Since, Until: b.head.Until}
}

func (b *reporter) audit(ctx context.Context) error {
	counts, err := b.store.AuditCounts(ctx, b.filter(), 1000)
	b.out.Audit.Kinds = len(counts)
	for _, c := range counts {
		b.out.Audit.Entries += c.Entries
		switch {
		case c.Action == "blacklist.add":
			b.out.Blacklist.Added += c.Entries
		case strings.HasPrefix(c.Action, "blacklist."):
			b.out.Blacklist.Removed += c.Entries
		}
		if len(b.out.Audit.Actions) < reportActions {
			b.out.Audit.Actions = append(b.out.Audit.Actions, report.Count{Name: c.Action, Times: c.Entries})
		}
	}
	return err
}

// ruleDetails are what an audit entry says of a rule.
type ruleDetails struct {
	Network string `json:"network"`
	Reason  string `json:"reason"`
}

func (b *reporter) blacklist(ctx context.Context) error {
	own, all, err := b.store.CountBlacklistRules(ctx, b.head.Namespace)
	if err != nil {
		return err
	}
	if b.out.Blacklist.Rules = own; b.head.Namespace == "" {
		b.out.Blacklist.Rules = all
	}
	var changes []report.RuleLine
	for action, word := range map[string]string{"blacklist.add": "added", "blacklist.remove": "removed", "blacklist.expire": "ended"} {
		of := b.filter()
		of.Action = action
		found, _, err := b.store.AuditLog(ctx, of, store.Page{Limit: reportLines})
		if err != nil {
			return err
		}
		for i := range found {
			line := report.RuleLine{At: found[i].At, Action: word, By: found[i].Actor}
			var d struct {
				Before ruleDetails `json:"before"`
				After  ruleDetails `json:"after"`
			}
			if json.Unmarshal(b.opened(ctx, &found[i]).Opened, &d) == nil {
				line.Network, line.Reason = cmp.Or(d.After.Network, d.Before.Network), cmp.Or(d.After.Reason, d.Before.Reason)
			}
			changes = append(changes, line)
		}
	}
	slices.SortStableFunc(changes, func(x, y report.RuleLine) int {
		return cmp.Or(y.At.Compare(x.At), strings.Compare(x.Network, y.Network), strings.Compare(x.Action, y.Action))
	})
	b.out.Blacklist.Changes = changes[:min(len(changes), reportLines)]
	return nil
}
