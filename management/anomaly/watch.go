package anomaly

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"credence/store"
)

// source is what the watch reads, and where it removes what is old.
// [store.Store] fulfils it.
type source interface {
	past

	AnomalyPolicy(ctx context.Context) (store.AnomalyPolicy, error)
	RemoveAnomalies(ctx context.Context, before time.Time) (int, error)
}

// desk is where findings are written down, and what a policy says is done
// about them. management.Service fulfils it.
type desk interface {
	AnomalySee(ctx context.Context, a store.Anomaly) (stored store.Anomaly, fresh bool, err error)
}

const (
	// Every is how often the last minutes are judged.
	Every = 5 * time.Second
	// hourSettled is how long after its end an hour is judged.
	hourSettled = 5 * time.Minute
	// kept is how long findings are kept after they were resolved.
	kept = 365 * 24 * time.Hour

	mostRows = 50_000  // of refusals, and of networks, that a pass reads
	mostKeys = 500_000 // rows of keys and hours
)

// Options are what a Watch needs.
type Options struct {
	Store    source
	Findings desk
	Now      func() time.Time
	Logger   *slog.Logger
	Places   Places // nil: no journeys are looked for
}

// Watch runs the detectors and writes down what they find. One goroutine at a
// time may use it.
type Watch struct {
	o      Options
	plan   *Plan      // of the pass
	t      Thresholds // its thresholds
	judged time.Time  // end of the last hour whose findings are written down
	plans  Plans
	// judging is the end of the hour that this pass judges; zero for none.
	judging time.Time
}

// New makes a Watch. The error names the option that is missing.
func New(o Options) (*Watch, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("anomaly watch: option Store is missing")
	case o.Now == nil:
		return nil, errors.New("anomaly watch: option Now is missing")
	case o.Findings == nil:
		return nil, errors.New("anomaly watch: option Findings is missing")
	case o.Logger == nil:
		return nil, errors.New("anomaly watch: option Logger is missing")
	}
	return &Watch{o: o}, nil
}

// Pass is one pass, for the log: what is new.
func (w *Watch) Pass(ctx context.Context) ([]slog.Attr, error) {
	n, err := w.RunOnce(ctx)
	if n == 0 {
		return nil, err
	}
	return []slog.Attr{slog.Int("anomalies", n)}, err
}

// RunOnce judges the last minutes, and an hour once it is over. It answers how
// many findings are new; an error of one part does not keep it from the others.
func (w *Watch) RunOnce(ctx context.Context) (fresh int, err error) {
	now := w.o.Now().UTC()
	w.plan, err = w.planOf(ctx)
	w.t = w.plan.Thresholds
	for _, part := range []func(context.Context, time.Time) ([]store.Anomaly, error){w.minutes, w.networks, w.hour} {
		found, failed := part(ctx, now)
		err = errors.Join(err, failed)
		w.plan.Grade(found)
		n, failed := w.see(ctx, found, now)
		if failed == nil && !w.judging.IsZero() {
			w.judged = w.judging
		}
		w.judging = time.Time{}
		fresh += n
		err = errors.Join(err, failed)
	}
	_, failed := w.o.Store.RemoveAnomalies(ctx, now.Add(-kept))
	return fresh, errors.Join(err, failed)
}

// planOf is that of the policy. A policy that cannot be read does not keep
// anything from being found: it is as if nothing were set.
func (w *Watch) planOf(ctx context.Context) (*Plan, error) {
	stored, err := w.o.Store.AnomalyPolicy(ctx)
	if err != nil {
		return &Plan{Thresholds: Defaults()}, err
	}
	plan, err := w.plans.Of(stored)
	if err != nil {
		return &Plan{Thresholds: Defaults()}, err
	}
	return plan, nil
}

// see writes findings down. Nobody was seen later than now, whatever a
// replica's clock says. One that cannot be written down keeps no other from it.
func (w *Watch) see(ctx context.Context, found []store.Anomaly, now time.Time) (fresh int, err error) {
	for _, a := range found {
		if a.LastAt.After(now) {
			a.LastAt = now
		}
		if a.FirstAt.After(a.LastAt) {
			a.FirstAt = a.LastAt
		}
		a.FirstAt, a.LastAt = a.FirstAt.Truncate(time.Microsecond), a.LastAt.Truncate(time.Microsecond)
		_, is, failed := w.o.Findings.AnomalySee(ctx, a)
		switch {
		case errors.Is(failed, store.ErrMissingReference): // of a key that nobody has
			continue
		case failed != nil:
			err = errors.Join(err, fmt.Errorf("write down %s of %s: %w", a.Type, a.Subject, failed))
			if ctx.Err() != nil || errors.Is(failed, store.ErrUnavailable) {
				return fresh, err
			}
		case is:
			fresh++
		}
	}
	return fresh, err
}

// minutes judges the last ones.
func (w *Watch) minutes(ctx context.Context, now time.Time) ([]store.Anomaly, error) {
	var in Minutes
	var err error
	since, until := now.Add(-w.t.Window).Truncate(time.Minute), now.Add(time.Minute)
	if in.Failing, err = w.o.Store.FailingAddresses(ctx, since, until, mostRows); err != nil {
		return nil, err
	}
	if in.Denied, err = w.o.Store.DeniedMinutes(ctx, since, until, mostRows); err != nil {
		return nil, err
	}
	w.warnFull(ctx, "refusals", max(len(in.Failing), len(in.Denied)), mostRows)
	for page := (store.Page{Limit: store.MaxPage}); ; {
		keys, next, err := w.o.Store.Keys(ctx, store.KeyFilter{KeyType: store.KeyTypeEmergency}, page)
		if err != nil {
			return nil, err
		}
		for i := range keys {
			if !keys[i].LastUsedAt.Before(since) {
				in.Emergency = append(in.Emergency, keys[i])
			}
		}
		if page.After = next; next == "" {
			return JudgeMinutes(in, w.t), nil
		}
	}
}

func (w *Watch) warnFull(ctx context.Context, what string, n, most int) {
	if n >= most {
		w.o.Logger.WarnContext(ctx, "more than the detectors look at", slog.String("what", what), slog.Int("rows", most))
	}
}

// networks judges those that were first seen within the last hour.
func (w *Watch) networks(ctx context.Context, now time.Time) ([]store.Anomaly, error) {
	since := now.Add(-time.Hour)
	fresh, err := w.o.Store.KeyNetworks(ctx, "", since, now.Add(time.Hour), mostRows)
	if err != nil {
		return nil, err
	}
	w.warnFull(ctx, "networks", len(fresh), mostRows)
	var found []store.Anomaly
	seen := map[string]bool{}
	for _, n := range fresh {
		if seen[n.KeyID] {
			continue
		}
		seen[n.KeyID] = true
		in := Networks{KeyID: n.KeyID, Since: since}
		if in.All, err = w.o.Store.KeyNetworks(ctx, n.KeyID, time.Unix(0, 0), now.Add(time.Hour), store.MaxKeyNetworks); err != nil {
			return found, err
		}
		some := append(JudgeNetworks(in, w.t), JudgeTravel(Travel{KeyID: in.KeyID, Since: since, All: placedOf(in.All, w.o.Places)}, w.t)...)
		if len(some) == 0 {
			continue
		}
		k, err := w.o.Store.Key(ctx, n.KeyID)
		if err != nil {
			return found, err
		}
		for i := range some {
			some[i].Namespace = k.Namespace
		}
		found = append(found, some...)
	}
	return found, nil
}

// hour judges the last hour, once it is over and what belongs to it has come.
func (w *Watch) hour(ctx context.Context, now time.Time) ([]store.Anomaly, error) {
	end := now.Add(-hourSettled).Truncate(time.Hour)
	if !end.After(w.judged) {
		return nil, nil
	}
	in, err := newProfiler(w.o.Store, 0).hour(ctx, end.Add(-time.Hour), w.t)
	if err != nil {
		return nil, fmt.Errorf("hour before %s: %w", end.Format(time.RFC3339), err)
	}
	w.judging = end
	return JudgeHour(in, w.t), nil
}
