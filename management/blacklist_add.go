package management

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"credence/store"
)

// BlacklistAdd is the input of [Service.BlacklistAdd].
type BlacklistAdd struct {
	Namespace string    // "" refuses everywhere; only global actors may
	Network   string    // CIDR or a single address
	Reason    string    // 1 to 256 printable characters
	EndsAt    time.Time // zero: stays until removed, unless For says otherwise
	For       string    // a Go duration from now; not together with EndsAt
	Force     bool      // lets networks wider than /8 (IPv4) or /19 (IPv6) through

	Idempotency Idempotency
}

// BlacklistAdded is the answer of [Service.BlacklistAdd].
type BlacklistAdded struct {
	Rule     store.BlacklistRule
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// jobBlacklistExpire is the kind of the job that removes a rule at its end.
// Package management/jobs handles it by [Service.BlacklistExpire].
const jobBlacklistExpire = "blacklist_expire"

// expireArgs is what that job is told.
type expireArgs struct {
	ID string `json:"id"`
}

// BlacklistAdd refuses the clients of a network from now on. A rule with an
// end is removed by a job at that instant.
func (s *Service) BlacklistAdd(ctx context.Context, a Actor, in BlacklistAdd) (BlacklistAdded, error) {
	if in.Namespace == "" && !a.Global() {
		return BlacklistAdded{}, refuse(CodeForbidden, "blacklist rule: one for every namespace can be added only by a token "+
			"that is not limited to namespaces; name one of yours")
	}
	out, err := s.blacklistAdd(ctx, a, in)
	if !errors.Is(err, store.ErrConflict) {
		return out, err
	}
	// A rule whose time is over refuses nobody and waits only for its job; it
	// must not stand in the way of a new one.
	twin, ended, twinErr := s.blacklistTwin(ctx, in)
	switch {
	case twinErr != nil:
		return BlacklistAdded{}, failed("blacklist rule", twinErr)
	case ended:
		if _, err := s.BlacklistExpire(ctx, twin); err != nil {
			return BlacklistAdded{}, err
		}
		return s.blacklistAdd(ctx, a, in)
	case twin != "":
		return BlacklistAdded{}, &Error{
			Code: CodeConflict, cause: err,
			Message: "blacklist rule: rule " + twin + " refuses this network there already; remove it first to change it",
		}
	}
	return BlacklistAdded{}, err
}

func (s *Service) blacklistAdd(ctx context.Context, a Actor, in BlacklistAdd) (BlacklistAdded, error) {
	out, position, err := transact(ctx, s, a, "blacklist rule", func(ctx context.Context, t *transaction) (BlacklistAdded, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return BlacklistAdded{}, err
		case id != "":
			r, err := readRule(ctx, t, a, id)
			return BlacklistAdded{Rule: r, Replayed: true}, err
		}
		r, err := t.newRule(ctx, &in)
		if err != nil {
			return BlacklistAdded{}, err
		}
		if err := t.roomForRule(ctx, r.Namespace); err != nil {
			return BlacklistAdded{}, err
		}
		if r.ID, err = store.NewID(store.BlacklistIDPrefix, t.Now(), s.random); err != nil {
			return BlacklistAdded{}, err
		}
		if err := t.InsertBlacklistRule(ctx, r); err != nil {
			return BlacklistAdded{}, err
		}
		if !r.EndsAt.IsZero() {
			if err := t.Enqueue(ctx, expireJob(&r)); err != nil {
				return BlacklistAdded{}, err
			}
		}
		t.recordRule("blacklist.add", &r, details{After: ruleFacts(&r)})
		return BlacklistAdded{Rule: r}, t.remember(ctx, in.Idempotency, r.ID)
	})
	if err != nil {
		return BlacklistAdded{}, err
	}
	out.Position = position
	return out, nil
}

// The most rules that can be added. Every replica holds all rules in memory
// and refuses to hold more than 250,000; a flood of one namespace's rules must
// not bring that about for all others. Rules of namespaces have room of their
// own: however many there are, one that refuses everywhere still fits.
const (
	maxNamespaceRules  = 10_000
	maxGlobalRules     = 100_000
	maxNamespacedRules = 100_000
)

// roomForRule refuses a rule that would be one too many.
func (t *transaction) roomForRule(ctx context.Context, namespace string) error {
	everywhere, all, err := t.CountBlacklistRules(ctx, "")
	if err != nil {
		return err
	}
	if namespace == "" {
		if everywhere >= maxGlobalRules {
			return refuse(CodeConflict, "blacklist rule: there are %d for all namespaces already, the most it may be; "+
				"remove some, or refuse a wider network by one rule", everywhere)
		}
		return nil
	}
	own, _, err := t.CountBlacklistRules(ctx, namespace)
	switch {
	case err != nil:
		return err
	case own >= maxNamespaceRules:
		return refuse(CodeConflict, "blacklist rule: namespace %s has %d already, the most it may be; "+
			"remove some, or refuse a wider network by one rule", quoted(namespace), own)
	case all-everywhere >= maxNamespacedRules:
		return refuse(CodeConflict, "blacklist rule: the namespaces together have as many as there may be; remove some first")
	}
	return nil
}

// newRule checks the input and answers the rule it describes, without its id.
func (t *transaction) newRule(ctx context.Context, in *BlacklistAdd) (store.BlacklistRule, error) {
	p := &problems{now: t.Now()}
	if in.Namespace != "" {
		if _, err := t.home(ctx, p, in.Namespace); err != nil {
			return store.BlacklistRule{}, err
		}
	}
	r := store.BlacklistRule{
		Namespace: in.Namespace, Network: p.network("network", in.Network), Reason: p.text("reason", in.Reason, 1, maxReason),
		EndsAt: p.end("ends_at", in.EndsAt, "for", in.For), CreatedBy: t.actor.ID, CreatedAt: t.Now(),
	}
	if !in.Force {
		p.narrow("network", r.Network)
	}
	p.idempotencyKey(in.Idempotency)
	return r, p.err("blacklist rule")
}

func expireJob(r *store.BlacklistRule) store.Job {
	args, err := json.Marshal(expireArgs{ID: r.ID})
	if err != nil {
		// A struct of one string always marshals; an empty id finds no rule.
		args = []byte("{}")
	}
	return store.Job{Kind: jobBlacklistExpire, Args: args, RunAt: r.EndsAt}
}

func (t *transaction) recordRule(action string, r *store.BlacklistRule, d details) {
	t.record(r.Namespace, action, "blacklist:"+r.ID, "", d)
	t.ruleHappened(action, r)
}

// blacklistTwin finds the rule for the same network and namespace.
func (s *Service) blacklistTwin(ctx context.Context, in BlacklistAdd) (id string, ended bool, err error) {
	network := (&problems{}).network("network", in.Network)
	page := store.Page{Limit: store.MaxPage}
	for {
		rules, next, err := s.store.BlacklistRules(ctx, []string{in.Namespace}, page)
		if err != nil {
			return "", false, err
		}
		for i := range rules {
			if rules[i].Network == network {
				return rules[i].ID, rules[i].Ended(s.now()), nil
			}
		}
		if next == "" {
			return "", false, nil
		}
		page.After = next
	}
}
