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

// What bounds the memory of a replay.
const (
	mostFound = 10_000
	mostNotes = 50
)

// Replay runs the detectors over what was counted from since until until, with
// the thresholds of the plan. What belongs together is one finding, as long as
// the replay is: nobody resolves any. notes say what was not looked at.
func Replay(ctx context.Context, from past, since, until time.Time, plan *Plan, places Places) (found []Replayed, notes []string, err error) {
	r := &replay{
		past: from, hours: newProfiler(from, mostRemembered), plan: plan, places: places, emergency: map[string]store.Key{}, until: until.UTC(),
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

	hours     *profiler
	plan      *Plan
	places    Places
	emergency map[string]store.Key
	until     time.Time
	refused   refused
	waiting   []store.Anomaly   // seen, of later than what was looked at so far; in order
	found     []Replayed        // by when it was first seen
	at        map[[2]string]int // where in found a type and subject is
	done      map[string][]acted
	full      bool
	notes     []string
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
	if err := r.readRefused(ctx, hour); err != nil {
		return err
	}
	for _, minute := range r.refused.minutes(later(hour, since), earlier(hour.Add(time.Hour), until)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		seen := JudgeMinutes(r.refused.within(minute.Add(-r.plan.Thresholds.Window), minute), r.plan.Thresholds)
		due, _ := slices.BinarySearchFunc(r.waiting, minute, func(a store.Anomaly, t time.Time) int { return a.LastAt.Compare(t) })
		r.merge(r.waiting[:due])
		r.waiting = r.waiting[due:]
		inOrder(seen)
		r.merge(seen)
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// readRefused reads the refusals of the hour, beside those of the window before
// it that were read with the last one.
func (r *replay) readRefused(ctx context.Context, hour time.Time) error {
	from, full := hour, false
	if window := hour.Add(-r.plan.Thresholds.Window); r.refused.until.Equal(hour) {
		full = r.refused.drop(window)
	} else {
		from, r.refused = window, refused{}
	}
	until := hour.Add(time.Hour)
	failing, err := r.FailingAddresses(ctx, from, until, mostRows)
	if err != nil {
		return err
	}
	denied, err := r.DeniedMinutes(ctx, from, until, mostRows)
	if err != nil {
		return err
	}
	if full || max(len(failing), len(denied)) == mostRows {
		r.note("of the refusals around %s only %d rows were looked at", hour.Format("2006-01-02 15:04"), mostRows)
	}
	r.refused.add(failing, denied, until)
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
		k := r.hours.key(id)
		if err := r.hours.readKey(ctx, k); err != nil {
			return nil, err
		}
		if k.gone {
			continue
		}
		placed, upTo := placedOf(all, r.places), 0
		for i, n := range all {
			if n.FirstAt.Before(since) || i+1 < len(all) && all[i+1].FirstAt.Equal(n.FirstAt) { // those of one instant are judged with the last
				continue
			}
			then, hourBefore := all[:i+1], n.FirstAt.Add(-time.Hour)
			seen = append(seen, JudgeNetworks(Networks{KeyID: id, Namespace: k.namespace, All: then, Since: hourBefore}, r.plan.Thresholds)...)
			for upTo < len(placed) && !placed[upTo].FirstAt.After(n.FirstAt) {
				upTo++
			}
			seen = append(seen, JudgeTravel(Travel{KeyID: id, Namespace: k.namespace, All: placed[:upTo], Since: hourBefore}, r.plan.Thresholds)...)
		}
	}
	return seen, nil
}

// hour judges the hour, if it was over.
func (r *replay) hour(ctx context.Context, start, since, until time.Time) error {
	if start.Before(since) || start.Add(time.Hour).After(until) {
		return nil
	}
	in, err := r.hours.hour(ctx, start, r.plan.Thresholds)
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
	r.plan.Grade(seen)
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
