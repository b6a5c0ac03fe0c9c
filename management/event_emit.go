package management

import (
	"maps"
	"slices"

	"credence/management/event"
	"credence/store"
	"credence/store/limit"
)

// keyHappened emits what an action on a key is to others. An action that is not
// named here is nobody's business outside.
func (t *transaction) keyHappened(action string, k *store.Key, d details) {
	change := event.KeyChange{Key: eventKey(k), Actor: t.actor.ID, Reason: k.StatusReason}
	switch action {
	case "key.create", "key.import":
		t.emit(event.KeyCreated, k.Namespace, change)
	case "key.update":
		changed := map[string]bool{}
		for _, side := range []facts{d.Before, d.After} {
			for name := range side {
				changed[name] = true
			}
		}
		t.emit(event.KeyUpdated, k.Namespace, event.KeyUpdate{
			Key: change.Key, Changed: slices.Sorted(maps.Keys(changed)), Actor: t.actor.ID,
		})
	case "key.throttle", "key.unthrottle":
		t.emit(event.KeyUpdated, k.Namespace, event.KeyUpdate{Key: change.Key, Changed: []string{"throttle"}, Actor: t.actor.ID})
	case "key.rotate":
		t.emit(event.KeyRotated, k.Namespace, event.KeyRotation{
			Key: change.Key, Successor: k.Successor, GraceEndsAt: k.GraceEndsAt, Actor: t.actor.ID,
		})
		if k.Status == store.StatusRevoked { // there was no grace
			t.emit(event.KeyRevoked, k.Namespace, change)
		}
	case "key.revoke", "key.rotation_close":
		t.emit(event.KeyRevoked, k.Namespace, change)
	case "key.disable":
		t.emit(event.KeyDisabled, k.Namespace, change)
	case "key.enable":
		t.emit(event.KeyEnabled, k.Namespace, change)
	case "key.suspend":
		t.emit(event.KeySuspended, k.Namespace, change)
	case "key.expire":
		t.emit(event.KeyExpired, k.Namespace, change)
	case "key.expiring":
		t.emit(event.KeyExpiring, k.Namespace, change)
	case "key.purge":
		t.emit(event.KeyPurged, k.Namespace, event.KeyErased{KeyID: k.KeyID, Namespace: k.Namespace, Actor: t.actor.ID})
	}
}

func eventKey(k *store.Key) event.Key {
	return event.Key{
		KeyID: k.KeyID, Namespace: k.Namespace, Name: k.Name, Owner: k.Owner, KeyType: string(k.KeyType), Status: string(k.Status),
		Environment: k.Environment, Plan: k.Plan, Scopes: k.Scopes, Labels: k.Labels, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
	}
}

// planHappened emits that a plan was made, changed or deleted.
func (t *transaction) planHappened(action string, p *store.Plan) {
	e := event.PlanChange{Plan: p.Name, Namespace: p.Namespace, Actor: t.actor.ID}
	switch action {
	case "plan.create":
		e.Action = "created"
	case "plan.update":
		e.Action = "updated"
	case "plan.delete":
		e.Action = "deleted"
	}
	if e.Action != "deleted" {
		e.Limits, e.Quotas = texts(p.Limits, limit.Format), texts(p.Quotas, limit.FormatQuota)
	}
	t.emit(event.PlanChanged, p.Namespace, e)
}

// recordPlan notes what was done to a plan, and tells of it.
func (t *transaction) recordPlan(action string, p *store.Plan, d details) {
	t.record(p.Namespace, action, "plan:"+p.Name, "", d)
	t.planHappened(action, p)
}

// ruleHappened emits that a network is refused, or no longer.
func (t *transaction) ruleHappened(action string, r *store.BlacklistRule) {
	e := event.BlacklistChange{
		RuleID: r.ID, Namespace: r.Namespace, Network: r.Network.String(), Reason: r.Reason, EndsAt: r.EndsAt, Actor: t.actor.ID,
	}
	switch action {
	case "blacklist.add":
		e.Action = "added"
	case "blacklist.remove":
		e.Action = "removed"
	case "blacklist.expire":
		e.Action = "expired"
	}
	t.emit(event.BlacklistChanged, r.Namespace, e)
}

// anomalyHappened emits that something was found, or that a finding has ended.
func (t *transaction) anomalyHappened(action string, a *store.Anomaly) {
	kind := event.AnomalyOpened
	switch action {
	case "anomaly.open":
	case "anomaly.resolve":
		kind = event.AnomalyResolved
	default:
		return
	}
	t.emit(kind, a.Namespace, event.AnomalyChange{Anomaly: event.Anomaly{
		AnomalyID: a.ID, Type: a.Type, Severity: string(a.Severity), State: string(a.State), Namespace: a.Namespace, KeyID: a.KeyID,
		Subject: a.Subject, Message: a.Evidence.Message, Observed: a.Evidence.Observed, Expected: a.Evidence.Expected,
		FirstAt: a.FirstAt, LastAt: a.LastAt,
	}, Actor: t.actor.ID, Note: a.Note})
}
