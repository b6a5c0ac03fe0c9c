package management

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"credence/store"
)

// BlacklistAdd is the input of [Service.BlacklistAdd].
type BlacklistAdd struct {
	Namespace string    // "" refuses everywhere; only global admins may
	Network   string    // CIDR or a single address
	Reason    string    // 1 to 256 printable characters
	Source    string    // up to 128: where it comes from, e.g. the name of a list
	EndsAt    time.Time // zero: stays until removed, unless For says otherwise
	For       string    // a Go duration from now; not together with EndsAt
	// Force lets through what the guards refuse: too much of the internet, the
	// caller's own address, a protected network. Only admins may.
	Force bool

	Idempotency Idempotency
}

// BlacklistAdded is the answer of [Service.BlacklistAdd].
type BlacklistAdded struct {
	Rule     store.BlacklistRule
	Overlaps []BlacklistOverlap // at most 10
	Overlap  int                // how many there are in all
	Replayed bool               // made by an earlier, equal request; without overlaps
	Position store.Position     // of the change; zero when Replayed
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
	if err := mayBlacklist(a, in.Namespace, in.Force); err != nil {
		return BlacklistAdded{}, err
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

// mayBlacklist refuses who may not add rules there. Such a rule for every
// namespace stops all clients of a network, whoever's they are.
func mayBlacklist(a Actor, namespace string, force bool) error {
	switch admin := a.Role.Includes(store.RoleAdmin); {
	case namespace == "" && (!a.Global() || !admin):
		return refuse(CodeForbidden, "blacklist rule: one for every namespace needs role admin and a token that is not limited to "+
			"namespaces; name one of yours")
	case force && !admin:
		return refuse(CodeForbidden, "blacklist rule: force needs role admin")
	}
	return nil
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
		r, overlaps, overlap, err := s.newRule(ctx, t, &in)
		if err != nil {
			return BlacklistAdded{}, err
		}
		if err := t.roomForRules(ctx, r.Namespace, 1); err != nil {
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
		return BlacklistAdded{Rule: r, Overlaps: overlaps, Overlap: overlap}, t.remember(ctx, in.Idempotency, r.ID)
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

// roomForRules refuses rules that would be too many.
func (t *transaction) roomForRules(ctx context.Context, namespace string, more int) error {
	everywhere, all, err := t.CountBlacklistRules(ctx, "")
	if err != nil {
		return err
	}
	if namespace == "" {
		if everywhere+more > maxGlobalRules {
			return refuse(CodeConflict, "blacklist rule: there are %d for all namespaces already, and %d is the most it may be; "+
				"remove some, or refuse a wider network by one rule", everywhere, maxGlobalRules)
		}
		return nil
	}
	own, _, err := t.CountBlacklistRules(ctx, namespace)
	switch {
	case err != nil:
		return err
	case own+more > maxNamespaceRules:
		return refuse(CodeConflict, "blacklist rule: namespace %s has %d already, and %d is the most it may be; "+
			"remove some, or refuse a wider network by one rule", quoted(namespace), own, maxNamespaceRules)
	case all-everywhere+more > maxNamespacedRules:
		return refuse(CodeConflict, "blacklist rule: the namespaces together have as many as there may be; remove some first")
	}
	return nil
}

// newRule checks the input and answers the rule it describes, without its id,
// and the rules it meets.
func (s *Service) newRule(ctx context.Context, t *transaction, in *BlacklistAdd) (store.BlacklistRule, []BlacklistOverlap, int, error) {
	p := &problems{now: t.Now()}
	if in.Namespace != "" {
		if _, err := t.home(ctx, p, in.Namespace); err != nil {
			return store.BlacklistRule{}, nil, 0, err
		}
	}
	r := t.ruleOf(p, in)
	if !in.Force {
		s.guardNetwork(p, t.actor, "network", r.Network)
	}
	p.idempotencyKey(in.Idempotency)
	if err := p.err("blacklist rule"); err != nil {
		return r, nil, 0, err
	}
	there, err := t.blacklist(ctx, r.Namespace)
	if err != nil {
		return r, nil, 0, err
	}
	if !in.Force {
		there.tooMuch(p, "network", []netip.Prefix{r.Network})
	}
	overlaps, all := there.overlaps(&r)
	return r, overlaps, all, p.err("blacklist rule")
}

const maxSource = 128

// ruleOf is the rule that an input describes, without its id.
func (t *transaction) ruleOf(p *problems, in *BlacklistAdd) store.BlacklistRule {
	return store.BlacklistRule{
		Namespace: in.Namespace, Network: p.network("network", in.Network), Reason: p.text("reason", in.Reason, 1, maxReason),
		Source: p.text("source", in.Source, 0, maxSource),
		EndsAt: p.end("ends_at", in.EndsAt, "for", in.For), CreatedBy: t.actor.ID, CreatedAt: t.Now(),
	}
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
