package anomaly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
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

// What bounds the memory of a replay.
const (
	mostFound = 10_000
	mostNotes = 50
)

// Replay runs the detectors over what was counted from since until until, with
// the thresholds of the plan. What belongs together is one finding, as long as
// the replay is: nobody resolves any. notes say what was not looked at.
func Replay(ctx context.Context, from past, since, until time.Time, plan *Plan) (found []Replayed, notes []string, err error) {
	r := &replay{
		past: from, remembered: &memory{past: from}, plan: plan, emergency: map[string]store.Key{}, until: until.UTC(),
		at: map[[2]string]int{}, done: map[string][]acted{},
	}
	if err := r.readEmergency(ctx); err != nil {
		return nil, nil, err
	}
	if err := r.run(ctx, since.UTC(), until.UTC()); err != nil {
		return nil, nil, err
	}
	return r.found, r.notes, nil
}

type replay struct {
	past

	remembered *memory
	plan       *Plan
	emergency  map[string]store.Key
	until      time.Time
	waiting    []store.Anomaly   // seen, of later than what was looked at so far; in order
	found      []Replayed        // by when it was first seen
	at         map[[2]string]int // where in found a type and subject is
	done       map[string][]acted
	full       bool
	notes      []string
}

// acted is when something was done, and about whose key.
type acted struct {
	at        time.Time
	namespace string
}

func (r *replay) note(format string, args ...any) {
	switch {
	case len(r.notes) < mostNotes:
		r.notes = append(r.notes, fmt.Sprintf(format, args...))
	case len(r.notes) == mostNotes:
		r.notes = append(r.notes, "there was more of this kind")
	}
}

// run goes through the time once, hour by hour, so that what is kept is what
// was found, and not each time that it was seen.
func (r *replay) run(ctx context.Context, since, until time.Time) error {
	fresh, err := r.networks(ctx, since, until)
	if err != nil {
		return err
	}
	inOrder(fresh)
	for hour := since.Truncate(time.Hour); hour.Before(until); hour = hour.Add(time.Hour) {
		due, _ := slices.BinarySearchFunc(fresh, hour.Add(time.Hour), func(a store.Anomaly, t time.Time) int { return a.LastAt.Compare(t) })
		r.waiting = append(r.waiting, fresh[:due]...)
		fresh = fresh[due:]
		if err := r.hour(ctx, hour, since, until); err != nil {
			return err
		}
		inOrder(r.waiting)
		if err := r.minutes(ctx, hour, since, until); err != nil {
			return err
		}
	}
	r.merge(append(r.waiting, fresh...))
	return nil
}

func inOrder(seen []store.Anomaly) {
	slices.SortStableFunc(seen, func(a, b store.Anomaly) int {
		return cmp.Or(a.LastAt.Compare(b.LastAt), strings.Compare(a.Type, b.Type), strings.Compare(a.Subject, b.Subject))
	})
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

// minutes judges each minute of the hour in which something was refused, with
// the window before it, as the watch would have done.
func (r *replay) minutes(ctx context.Context, hour, since, until time.Time) error {
	window := r.plan.Thresholds.Window
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
	for _, minute := range slices.SortedFunc(maps.Keys(at), time.Time.Compare) {
		if minute.Before(hour) || minute.Before(since) || !minute.Before(until) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		within := func(m time.Time) bool { return !m.After(minute) && !m.Before(minute.Add(-window)) }
		seen := JudgeMinutes(Minutes{
			Failing: slices.DeleteFunc(slices.Clone(failing), func(f store.FailingAddress) bool { return !within(f.Minute) }),
			Denied:  slices.DeleteFunc(slices.Clone(denied), func(u store.UsageMinute) bool { return !within(u.Minute) }),
		}, r.plan.Thresholds)
		due, _ := slices.BinarySearchFunc(r.waiting, minute, func(a store.Anomaly, t time.Time) int { return a.LastAt.Compare(t) })
		r.merge(r.waiting[:due])
		r.waiting = slices.Delete(r.waiting, 0, due)
		inOrder(seen)
		r.merge(seen)
	}
	return nil
}

// networks judges each instant at which a key was used from a network for the
// first time.
func (r *replay) networks(ctx context.Context, since, until time.Time) (seen []store.Anomaly, err error) {
	fresh, err := r.KeyNetworks(ctx, "", since, until, mostRows)
	if err != nil {
		return nil, err
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
			return nil, err
		}
		k, err := r.remembered.Key(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, n := range all {
			if n.FirstAt.Before(since) {
				continue
			}
			then := slices.DeleteFunc(slices.Clone(all), func(o store.KeyNetwork) bool { return o.FirstAt.After(n.FirstAt) })
			seen = append(seen, JudgeNetworks(Networks{
				KeyID: id, Namespace: k.Namespace, All: then, Since: n.FirstAt.Add(-time.Hour),
			}, r.plan.Thresholds)...)
		}
	}
	return seen, nil
}

// hour judges the hour, if it was over.
func (r *replay) hour(ctx context.Context, start, since, until time.Time) error {
	if start.Before(since) || start.Add(time.Hour).After(until) {
		return nil
	}
	in, err := readHour(ctx, r.remembered, start, r.plan.Thresholds)
	if errors.Is(err, errTooMany) {
		r.note("the hour from %s has more keys than are judged", start.Format("2006-01-02 15:04"))
		return nil
	}
	if err != nil {
		return err
	}
	r.waiting = append(r.waiting, JudgeHour(in, r.plan.Thresholds)...)
	for i := range in.Keys {
		if k, is := r.emergency[in.Keys[i].KeyID]; is {
			k.LastUsedAt, k.LastUsedIP = start, store.Key{}.LastUsedIP
			r.waiting = append(r.waiting, JudgeMinutes(Minutes{Emergency: []store.Key{k}}, r.plan.Thresholds)...)
		}
	}
	return nil
}

// merge makes findings of what was seen, each once, with what the plan would
// have had done.
func (r *replay) merge(seen []store.Anomaly) {
	for i := range seen {
		a := &seen[i]
		if a.LastAt.After(r.until) { // a minute is seen up to its end
			a.LastAt = r.until
		}
		is := [2]string{a.Type, a.Subject}
		n, known := r.at[is]
		if !known {
			if len(r.found) == mostFound {
				if !r.full {
					r.full = true
					r.notes = append(r.notes, fmt.Sprintf("only the first %d different findings were followed; raise thresholds, or replay less at a time", mostFound))
				}
				continue
			}
			n = len(r.found)
			r.at[is] = n
			a.CreatedAt = a.LastAt
			r.found = append(r.found, Replayed{Anomaly: *a})
			r.found[n].Actions = nil
		}
		f := &r.found[n]
		f.Times++
		if a.LastAt.After(f.LastAt) {
			f.LastAt = a.LastAt
		}
		if a.Evidence.Observed > f.Evidence.Observed {
			f.Evidence = a.Evidence
		}
		if rank(a.Severity) > rank(f.Severity) {
			f.Severity = a.Severity
		}
		r.act(f, a.LastAt)
	}
}

// act is what the plan would have had done, as management.AnomalySee does it,
// as far as the past tells: whether the key was refused already, or had rates
// to throttle, it does not.
func (r *replay) act(f *Replayed, at time.Time) {
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
	recent, own := slices.DeleteFunc(r.done[rule.Action], func(d acted) bool { return !d.at.After(at.Add(-time.Hour)) }), 0
	for _, d := range recent {
		if d.namespace == f.Namespace {
			own++
		}
	}
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
	if act.Done() && r.plan.Capped(rule.Action, f.Namespace, len(recent), own) != CapNone {
		act.Outcome = OutcomeCapped
	}
	if act.Done() {
		recent = append(recent, acted{at, f.Namespace})
	}
	r.done[rule.Action] = recent
	f.Actions = Add(f.Actions, act)
}
