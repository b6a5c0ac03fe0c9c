package routes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/route"
)

const (
	// MaxPolicies and maxRules are what a replica holds at most. The control
	// plane keeps well below both.
	MaxPolicies = 5_000
	maxRules    = 100_000
)

// Options are what Policies need.
type Options struct {
	Store   store.RoutePolicyReader
	Ceiling time.Duration // how long they are good for without having read the feed
}

// Policies finds route policies. It is safe for concurrent use.
type Policies struct {
	store    store.RoutePolicyReader
	ceiling  time.Duration
	current  atomic.Pointer[snapshot]
	caughtUp atomic.Pointer[time.Time]

	mu sync.Mutex // held while a snapshot is made, never by a Check
}

// snapshot is all policies at one moment.
type snapshot struct {
	kept   []store.RoutePolicy
	all    []*pipeline.RoutePolicy
	byName map[string]*pipeline.RoutePolicy
	table  *route.Table
}

// New makes Policies that know nothing until they are loaded.
func New(o Options) (*Policies, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("routes options: Store: missing")
	case o.Ceiling <= 0:
		return nil, fmt.Errorf("routes options: Ceiling: %s is not positive; give the one of the key cache", o.Ceiling)
	}
	p := &Policies{store: o.Store, ceiling: o.Ceiling}
	p.caughtUp.Store(&time.Time{})
	return p, nil
}

// Named implements [pipeline.Routes].
func (p *Policies) Named(name []byte) *pipeline.RoutePolicy {
	s := p.current.Load()
	if s == nil {
		return nil
	}
	return s.byName[string(name)]
}

// Routed implements [pipeline.Routes].
func (p *Policies) Routed(host, path, method []byte) (*pipeline.RoutePolicy, route.Verdict) {
	s := p.current.Load()
	if s == nil {
		return nil, route.Unknown
	}
	m := s.table.Match(host, path, method)
	if m.Verdict != route.Found {
		return nil, m.Verdict
	}
	return s.all[m.Policy], route.Found
}

// Fresh implements [pipeline.Routes].
func (p *Policies) Fresh(now time.Time) bool {
	at := p.caughtUp.Load()
	return !at.IsZero() && now.Sub(*at) < p.ceiling
}

// Load reads all policies.
func (p *Policies) Load(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.load(ctx)
}

// Apply reads the policies again when one of them has changed. It keeps those
// it has when it answers an error.
func (p *Policies) Apply(ctx context.Context, changes []store.Change) error {
	concerned := func(c store.Change) bool { return c.Kind == store.ChangeRoutePolicy }
	if !slices.ContainsFunc(changes, concerned) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.load(ctx)
}

// Restart keeps the policies: until Load has read the new ones, a request that
// a strict rule speaks of would be taken for one that none does.
func (p *Policies) Restart() {}

// CaughtUp notes how fresh the policies are.
func (p *Policies) CaughtUp(at time.Time) { p.caughtUp.Store(&at) }

// Resume begins with policies that were kept, instead of [Policies.Load].
func (p *Policies) Resume(kept []store.RoutePolicy, read time.Time) error {
	s, err := snapshotOf(kept)
	if err != nil {
		return err
	}
	p.current.Store(s)
	p.caughtUp.Store(&read)
	return nil
}

// Policies answers the policies held, for a later process. They are shared.
func (p *Policies) Policies() []store.RoutePolicy {
	if s := p.current.Load(); s != nil {
		return s.kept
	}
	return nil
}

// Policy answers the policy of the name; false when none is held.
func (p *Policies) Policy(name string) (store.RoutePolicy, bool) {
	kept := p.Policies()
	i := slices.IndexFunc(kept, func(one store.RoutePolicy) bool { return one.Name == name })
	if i < 0 {
		return store.RoutePolicy{}, false
	}
	return kept[i], true
}

// Stats describe the snapshot in use.
type Stats struct {
	Policies int
	CaughtUp time.Time // everything committed before it is in the snapshot
}

// Stats answers the state; package extauthz exports it.
func (p *Policies) Stats() Stats {
	return Stats{Policies: len(p.Policies()), CaughtUp: *p.caughtUp.Load()}
}

// load reads every page. A policy that changes while it reads has a change of
// its own, later in the feed.
func (p *Policies) load(ctx context.Context) error {
	var all []store.RoutePolicy
	page := store.Page{Limit: store.MaxPage}
	for {
		found, next, err := p.store.RoutePolicies(ctx, page)
		if err != nil {
			return fmt.Errorf("route policies: %w", err)
		}
		all = append(all, found...)
		if len(all) > MaxPolicies {
			return errTooMany
		}
		if next == "" {
			break
		}
		page.After = next
	}
	s, err := snapshotOf(all)
	if err != nil {
		return err
	}
	p.current.Store(s)
	return nil
}

var errTooMany = fmt.Errorf("route policies: more than %d, or more than %d rules: remove some", MaxPolicies, maxRules)

func snapshotOf(all []store.RoutePolicy) (*snapshot, error) {
	s := &snapshot{kept: all, byName: make(map[string]*pipeline.RoutePolicy, len(all))}
	choosers := make([]route.Chooser, 0, len(all))
	rules := 0
	for i := range all {
		one := &all[i]
		choosers = append(choosers, route.Chooser{Name: one.Name, Hosts: one.Hosts, Paths: one.Paths, Methods: one.Methods})
		rules += choosers[i].Rules()
		s.all = append(s.all, policyOf(one))
		s.byName[one.Name] = s.all[i]
	}
	if len(all) > MaxPolicies || rules > maxRules {
		return nil, errTooMany
	}
	var err error
	if s.table, err = route.New(choosers); err != nil {
		return nil, fmt.Errorf("route policies: %w", err)
	}
	return s, nil
}

func policyOf(p *store.RoutePolicy) *pipeline.RoutePolicy {
	out := &pipeline.RoutePolicy{
		Name: p.Name, Namespaces: p.Namespaces, Environment: p.Environment, Cost: max(1, p.Cost),
		Shadow: p.Shadow, Anonymous: p.Anonymous,
	}
	if len(out.Namespaces) == 0 {
		out.Namespaces = []string{store.DefaultNamespace}
	}
	for _, scope := range p.Scopes {
		out.Scopes = append(out.Scopes, []byte(scope))
	}
	return out
}
