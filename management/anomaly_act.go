package management

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// act does what the policy says about a finding. It is decided once for each
// severity of a finding, also when nothing comes of it: that a pass is
// repeated, by this leader or the next, changes nothing. What was decided for a
// time is decided anew when that is over and the finding goes on. Nothing is
// done about a finding that somebody looks after, or of which something was
// undone.
func (s *Service) act(ctx context.Context, t *transaction, found *store.Anomaly) error {
	if found.State != store.AnomalyOpen || slices.ContainsFunc(found.Actions, func(a store.AnomalyAction) bool {
		return !a.UndoneAt.IsZero()
	}) || anomaly.Decided(found.Actions, found.Severity, t.Now()) {
		return nil
	}
	stored, err := t.AnomalyPolicy(ctx)
	if err != nil {
		return err
	}
	plan, err := s.plans.Of(stored)
	if err != nil { // the pass tells of it; what was found is written down all the same
		return nil //nolint:nilerr // see above
	}
	rule, is := plan.Rule(found.Type, found.Severity)
	if !is {
		return nil
	}
	done := store.AnomalyAction{Action: rule.Action, Severity: found.Severity, At: t.Now()}
	if err := s.carryOut(ctx, t, plan, rule, found, &done); err != nil {
		return err
	}
	found.Actions = anomaly.Add(found.Actions, done)
	if done.Done() {
		found.ActedAt = t.Now()
	}
	if err := t.UpdateAnomaly(ctx, *found); err != nil {
		return err
	}
	found.Version++
	t.record(found.Namespace, "anomaly.act", "anomaly:"+found.ID, found.KeyID, details{After: actionFacts(&done)})
	t.warn("anomaly acted upon", slog.String("anomaly", found.ID), slog.String("action", done.Action),
		slog.String("outcome", done.Outcome), slog.String("detail", done.Detail))
	return nil
}

func actionFacts(a *store.AnomalyAction) facts {
	f := facts{"action": a.Action, "outcome": a.Outcome, "detail": a.Detail}
	f.text("rule_id", a.RuleID)
	f.instant("until", a.Until)
	return f
}

// carryOut does it, or says why not.
func (s *Service) carryOut(ctx context.Context, t *transaction, plan *anomaly.Plan, rule anomaly.Rule, found *store.Anomaly, done *store.AnomalyAction) error {
	attempt := s.actOnKey
	if rule.Action == anomaly.ActionBlacklist {
		attempt = s.actOnAddress
	}
	carry, err := attempt(ctx, t, plan, rule, found, done)
	if err != nil || carry == nil { // done says why not
		return err
	}
	switch why, err := t.capped(ctx, plan, rule.Action, found.Namespace); {
	case err != nil:
		return err
	case why != "":
		*done = store.AnomalyAction{Action: done.Action, Severity: done.Severity, At: done.At, Outcome: anomaly.OutcomeCapped, Detail: why}
		return nil
	}
	done.Outcome = store.AnomalyActionDone
	return carry(ctx)
}

// capped says why an action is not done now though it could be: it was done as
// often as it may be within an hour, or as often about keys of the namespace.
func (t *transaction) capped(ctx context.Context, plan *anomaly.Plan, action, namespace string) (why string, err error) {
	recent, err := t.ActedAnomalies(ctx, t.Now().Add(-time.Hour), len(anomaly.Actions())*anomaly.MostPerHour+1)
	if err != nil {
		return "", err
	}
	all, own := 0, 0
	for i := range recent {
		for _, a := range recent[i].Actions {
			if a.Action == action && a.Done() && a.At.After(t.Now().Add(-time.Hour)) {
				all++
				if recent[i].Namespace == namespace {
					own++
				}
			}
		}
	}
	switch plan.Capped(action, namespace, all, own) {
	case anomaly.CapOfAll:
		return fmt.Sprintf("%s was done %d times within an hour, which is the most it may be; look whether the detector is right", action, all), nil
	case anomaly.CapOfNamespace:
		return fmt.Sprintf("%s was done %d times within an hour in this namespace, half of the most it may be; look whether the detector is right", action, own), nil
	case anomaly.CapNone:
	}
	return "", nil
}

// actOnKey answers what would throttle or suspend the key; nil when that
// cannot be.
func (s *Service) actOnKey(ctx context.Context, t *transaction, plan *anomaly.Plan, rule anomaly.Rule, found *store.Anomaly, done *store.AnomalyAction) (func(context.Context) error, error) {
	k, err := t.Key(ctx, found.KeyID)
	if err != nil {
		return nil, err
	}
	not := func(outcome, detail string) (func(context.Context) error, error) {
		done.Outcome, done.Detail = outcome, detail
		return nil, nil
	}
	switch {
	case k.KeyType == store.KeyTypeEmergency:
		return not(anomaly.OutcomeProtected, "nothing is done about emergency keys")
	case plan.NeverKey(k.KeyID, k.Namespace):
		return not(anomaly.OutcomeProtected, "the policy protects the key, or its namespace")
	case k.Status != store.StatusActive:
		return not(anomaly.OutcomeAlready, "the key is "+string(k.Status)+", and so refused already")
	case k.Expired(t.Now()):
		return not(anomaly.OutcomeAlready, "the life of the key has ended")
	}
	after, action := k, "key.suspend"
	if rule.Action == anomaly.ActionThrottle {
		switch limited, err := t.hasRates(ctx, &k); {
		case err != nil:
			return nil, err
		case !limited:
			return not(anomaly.OutcomeImpossible, "neither the key nor its plan has rates to take a share of")
		case k.Throttle > 0 && k.Throttle <= rule.Share:
			return not(anomaly.OutcomeAlready, fmt.Sprintf("the key is throttled to %d%% already", k.Throttle))
		}
		action, after.Throttle, done.Share = "key.throttle", rule.Share, rule.Share
		done.Detail = fmt.Sprintf("the key is held to %d%% of its rates", rule.Share)
	} else {
		after.Status, after.StatusAt = store.StatusSuspended, t.Now()
		after.StatusReason = "anomaly " + found.ID + ": " + found.Type
		done.Detail = "the key is suspended"
	}
	return func(ctx context.Context) error {
		_, err := t.updateKey(ctx, action, after, changedFacts(keyFacts(&k), keyFacts(&after)))
		return err
	}, nil
}

// hasRates reports whether the key, or its plan, has rates.
func (t *transaction) hasRates(ctx context.Context, k *store.Key) (bool, error) {
	if len(k.Limits) > 0 || k.Plan == "" {
		return len(k.Limits) > 0, nil
	}
	p, err := t.Plan(ctx, k.Namespace, k.Plan)
	return len(p.Limits) > 0, err
}

// actOnAddress answers what would blacklist the address; nil when that cannot
// be. Such a rule holds in every namespace, for the clients that it is about
// try keys of any.
func (s *Service) actOnAddress(ctx context.Context, t *transaction, plan *anomaly.Plan, rule anomaly.Rule, found *store.Anomaly, done *store.AnomalyAction) (func(context.Context) error, error) {
	not := func(outcome, detail string) (func(context.Context) error, error) {
		done.Outcome, done.Detail = outcome, detail
		return nil, nil
	}
	if !s.sourceKnown { // the policy is from before, or of another process
		return not(anomaly.OutcomeImpossible, unsaidSource+"; "+unsaidSourceRemedy)
	}
	network, is := anomaly.NetworkOf(found.Subject)
	if !is {
		return not(anomaly.OutcomeImpossible, "the finding names no address")
	}
	if never, touched := plan.NeverNetwork(network); touched {
		return not(anomaly.OutcomeProtected, "the policy protects "+never.String())
	}
	p := &problems{now: t.Now()}
	s.guardNetwork(p, t.actor, "network", network)
	if len(p.fields) > 0 {
		return not(anomaly.OutcomeProtected, p.fields[0].Problem)
	}
	there, err := t.blacklist(ctx, "")
	if err != nil {
		return nil, err
	}
	if twin, is := there.twin(network, ""); is {
		done.Until = twin.EndsAt
		return not(anomaly.OutcomeAlready, "rule "+twin.ID+" of the blacklist refuses it already")
	}
	if there.tooMuch(p, "network", []netip.Prefix{network}); len(p.fields) > 0 {
		return not(anomaly.OutcomeImpossible, p.fields[0].Problem)
	}
	if t.roomForRules(ctx, "", 1) != nil {
		return not(anomaly.OutcomeImpossible, "the blacklist has as many rules as it may have")
	}
	r := store.BlacklistRule{
		Network: network, Reason: "anomaly " + found.ID + ": " + found.Type, Source: "anomaly",
		EndsAt: t.Now().Add(plan.Lasts(rule)), CreatedBy: t.actor.ID, CreatedAt: t.Now(),
	}
	done.Until = r.EndsAt
	done.Detail = network.String() + " is refused until " + r.EndsAt.Format(time.RFC3339)
	return func(ctx context.Context) (err error) {
		if old, is := there.ended[network]; is { // waits only for its job
			if err := t.DeleteBlacklistRule(ctx, old); err != nil {
				return err
			}
			t.recordRule("blacklist.expire", &old, details{Before: ruleFacts(&old)})
		}
		if r.ID, err = store.NewID(store.BlacklistIDPrefix, t.Now(), s.random); err != nil {
			return err
		}
		done.RuleID = r.ID
		if err := t.InsertBlacklistRule(ctx, r); err != nil {
			return err
		}
		if err := t.Enqueue(ctx, expireJob(&r)); err != nil {
			return err
		}
		t.recordRule("blacklist.add", &r, details{After: ruleFacts(&r)})
		return nil
	}, nil
}
