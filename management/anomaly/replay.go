package anomaly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// past is what a replay reads. [store.Store] fulfils it.
type past interface {
	Key(ctx context.Context, keyID string) (store.Key, error)
	Keys(ctx context.Context, filter store.KeyFilter, page store.Page) ([]store.Key, store.Cursor, error)
	DeniedMinutes(ctx context.Context, from, until time.Time, limit int) ([]store.UsageMinute, error)
	FailingAddresses(ctx context.Context, from, until time.Time, limit int) ([]store.FailingAddress, error)
	KeyNetworks(ctx context.Context, keyID string, from, until time.Time, limit int) ([]store.KeyNetwork, error)
	UsageSums(ctx context.Context, q store.UsageQuery) ([]store.UsageSum, error)
}

// Replayed is what the detectors would have found, and what a plan would have
// had done about it.
type Replayed struct {
	store.Anomaly // without an id

	Times int // how often a detector saw it; one finding all the same
}

// Replay runs the detectors over what was counted from since until until, with
// the thresholds of the plan. What belongs together is one finding, as long as
// the replay is: nobody resolves any. notes say what was not looked at.
func Replay(ctx context.Context, from past, since, until time.Time, plan *Plan) (found []Replayed, notes []string, err error) {
	r := &replay{past: from, remembered: &memory{past: from}, plan: plan, emergency: map[string]store.Key{}}
	if err := r.readEmergency(ctx); err != nil {
		return nil, nil, err
	}
	for _, part := range []func(context.Context, time.Time, time.Time) error{r.minutes, r.networks, r.hours} {
		if err := part(ctx, since.UTC(), until.UTC()); err != nil {
			return nil, nil, err
		}
	}
	for i := range r.seen { // a minute is seen up to its end
		if a := &r.seen[i]; a.LastAt.After(until) {
			a.LastAt = until.UTC()
		}
	}
	return r.findings(), r.notes, nil
}

type replay struct {
	past

	remembered *memory
	plan       *Plan
	emergency  map[string]store.Key
	seen       []store.Anomaly
	notes      []string
}

func (r *replay) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

func (r *replay) readEmergency(ctx context.Context) error {
	for page := (store.Page{Limit: store.MaxPage}); ; {
		keys, next, err := r.Keys(ctx, store.KeyFilter{KeyType: store.KeyTypeEmergency}, page)
		if err != nil {
			return err
		}
		for i := range keys {
			r.emergency[keys[i].KeyID] = keys[i]
		}
		if page.After = next; next == "" {
			return nil
		}
	}
}

// minutes judges each minute in which something was refused, with the window
// before it, as the watch would have done.
func (r *replay) minutes(ctx context.Context, since, until time.Time) error {
	window := r.plan.Thresholds.Window
	for hour := since.Truncate(time.Hour); hour.Before(until); hour = hour.Add(time.Hour) {
		failing, err := r.FailingAddresses(ctx, hour.Add(-window), hour.Add(time.Hour), mostRows)
		if err != nil {
			return err
		}
		denied, err := r.DeniedMinutes(ctx, hour.Add(-window), hour.Add(time.Hour), mostRows)
		if err != nil {
			return err
		}
		if max(len(failing), len(denied)) == mostRows {
			r.note("of the refusals around %s only %d rows were looked at", hour.Format("2006-01-02 15:04"), mostRows)
		}
		at := map[time.Time]bool{}
		for i := range failing {
			at[failing[i].Minute] = true
		}
		for i := range denied {
			at[denied[i].Minute] = true
		}
		for minute := range at {
			if minute.Before(hour) || minute.Before(since) || !minute.Before(until) {
				continue
			}
			within := func(m time.Time) bool { return !m.After(minute) && !m.Before(minute.Add(-window)) }
			r.seen = append(r.seen, JudgeMinutes(Minutes{
				Failing: slices.DeleteFunc(slices.Clone(failing), func(f store.FailingAddress) bool { return !within(f.Minute) }),
				Denied:  slices.DeleteFunc(slices.Clone(denied), func(u store.UsageMinute) bool { return !within(u.Minute) }),
			}, r.plan.Thresholds)...)
		}
	}
	return nil
}

// networks judges each instant at which a key was used from a network for the
// first time.
func (r *replay) networks(ctx context.Context, since, until time.Time) error {
	fresh, err := r.KeyNetworks(ctx, "", since, until, mostRows)
	if err != nil {
		return err
	}
	if len(fresh) == mostRows {
		r.note("of the new networks only %d were looked at", mostRows)
	}
	judged := map[string]bool{}
	for i := range fresh {
		id := fresh[i].KeyID
		if judged[id] {
			continue
		}
		judged[id] = true
		all, err := r.KeyNetworks(ctx, id, time.Unix(0, 0), until, store.MaxKeyNetworks)
		if err != nil {
			return err
		}
		k, err := r.remembered.Key(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		for _, n := range all {
			if n.FirstAt.Before(since) {
				continue
			}
			then := slices.DeleteFunc(slices.Clone(all), func(o store.KeyNetwork) bool { return o.FirstAt.After(n.FirstAt) })
			r.seen = append(r.seen, JudgeNetworks(Networks{
				KeyID: id, Namespace: k.Namespace, All: then, Since: n.FirstAt.Add(-time.Hour),
			}, r.plan.Thresholds)...)
		}
	}
	return nil
}

// hours judges each hour that was over.
func (r *replay) hours(ctx context.Context, since, until time.Time) error {
	first := since.Truncate(time.Hour)
	if first.Before(since) {
		first = first.Add(time.Hour)
	}
	for start := first; !start.Add(time.Hour).After(until); start = start.Add(time.Hour) {
		in, err := readHour(ctx, r.remembered, start, r.plan.Thresholds)
		if errors.Is(err, errTooMany) {
			r.note("the hour from %s has more keys than are judged", start.Format("2006-01-02 15:04"))
			continue
		}
		if err != nil {
			return err
		}
		r.seen = append(r.seen, JudgeHour(in, r.plan.Thresholds)...)
		for i := range in.Keys {
			if k, is := r.emergency[in.Keys[i].KeyID]; is {
				k.LastUsedAt, k.LastUsedIP = start, store.Key{}.LastUsedIP
				r.seen = append(r.seen, JudgeMinutes(Minutes{Emergency: []store.Key{k}}, r.plan.Thresholds)...)
			}
		}
	}
	return nil
}

// findings are what was seen, each once, with what the plan would have had done
// in the order in which it was seen.
func (r *replay) findings() []Replayed {
	slices.SortStableFunc(r.seen, func(a, b store.Anomaly) int {
		return cmp.Or(a.LastAt.Compare(b.LastAt), strings.Compare(a.Type, b.Type), strings.Compare(a.Subject, b.Subject))
	})
	type of struct{ kind, subject string }
	at := map[of]int{}
	var found []Replayed
	done := map[string][]time.Time{}
	for i := range r.seen {
		a := &r.seen[i]
		n, known := at[of{a.Type, a.Subject}]
		if !known {
			n = len(found)
			at[of{a.Type, a.Subject}] = n
			a.CreatedAt = a.LastAt
			found = append(found, Replayed{Anomaly: *a})
			found[n].Actions = nil
		}
		f := &found[n]
		f.Times++
		f.LastAt = a.LastAt
		if a.Evidence.Observed > f.Evidence.Observed {
			f.Evidence = a.Evidence
		}
		if rank(a.Severity) > rank(f.Severity) {
			f.Severity = a.Severity
		}
		r.act(f, a.LastAt, done)
	}
	return found
}

// act is what the plan would have had done, as management.AnomalySee does it,
// as far as the past tells: whether the key was refused already, or had rates
// to throttle, it does not.
func (r *replay) act(f *Replayed, at time.Time, done map[string][]time.Time) {
	if Decided(f.Actions, f.Severity, at) {
		return
	}
	rule, is := r.plan.Rule(f.Type, f.Severity)
	if !is {
		return
	}
	act := store.AnomalyAction{Action: rule.Action, Severity: f.Severity, At: at, Share: rule.Share, Outcome: store.AnomalyActionDone}
	if rule.Action == ActionBlacklist {
		act.Until = at.Add(r.plan.Lasts(rule))
	}
	_, emergency := r.emergency[f.KeyID]
	recent := slices.DeleteFunc(done[rule.Action], func(t time.Time) bool { return !t.After(at.Add(-time.Hour)) })
	switch network, is := NetworkOf(f.Subject); {
	case emergency, f.KeyID != "" && r.plan.NeverKey(f.KeyID, f.Namespace):
		act.Outcome = OutcomeProtected
	case f.KeyID == "" && !is:
		act.Outcome = OutcomeImpossible
	case f.KeyID == "":
		if _, never := r.plan.NeverNetwork(network); never {
			act.Outcome = OutcomeProtected
		}
	}
	if act.Done() && len(recent) >= r.plan.MostPerHour(rule.Action) {
		act.Outcome = OutcomeCapped
	}
	if act.Done() {
		recent = append(recent, at)
	}
	done[rule.Action] = recent
	f.Actions = append(f.Actions, act)
}
