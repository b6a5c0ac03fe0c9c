package blacklist

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"credence/store"
)

const (
	// DefaultMaxRules is the most rules a replica holds if nothing else is said.
	DefaultMaxRules = 250_000
	// maxSingleReads is the number of changed rules above which reading all
	// rules, in pages, is cheaper than reading each of them.
	maxSingleReads = 64
)

// Options are what a Blacklist needs.
type Options struct {
	Store    store.BlacklistReader
	MaxRules int // most rules held; 0 means DefaultMaxRules
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	if o.Store == nil {
		return errors.New("blacklist options: Store: missing")
	}
	if o.MaxRules < 0 {
		return fmt.Errorf("blacklist options: MaxRules: %d is negative; give 1 or more, or 0 for %d",
			o.MaxRules, DefaultMaxRules)
	}
	return nil
}

// Blacklist refuses clients by the rules of the store. It is safe for
// concurrent use.
type Blacklist struct {
	store    store.BlacklistReader
	maxRules int

	current  atomic.Pointer[snapshot]
	caughtUp atomic.Pointer[time.Time]
	rebuilds atomic.Int64

	mu    sync.Mutex // held while a snapshot is made, never by Refused
	rules map[string]rule
}

// New makes a Blacklist that refuses everybody until it has been loaded.
func New(o Options) (*Blacklist, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.MaxRules == 0 {
		o.MaxRules = DefaultMaxRules
	}
	b := &Blacklist{store: o.Store, maxRules: o.MaxRules}
	b.caughtUp.Store(&time.Time{})
	return b, nil
}

// Refused reports whether a rule that has not ended at now refuses the client:
// the global rules for namespace "", else those of the namespace. It does not
// allocate and waits for nobody.
func (b *Blacklist) Refused(client netip.Addr, namespace string, now time.Time) bool {
	s := b.current.Load()
	if s == nil {
		return true // not loaded: nobody knows who is refused
	}
	return s.refused(client, namespace, now)
}

// Load reads all rules.
func (b *Blacklist) Load(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.loadAll(ctx)
}

// Apply reads the rules that changed. It keeps the rules it has when it
// answers an error.
func (b *Blacklist) Apply(ctx context.Context, changes []store.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	changed := make(map[string]struct{})
	for i := range changes {
		if changes[i].Kind == store.ChangeBlacklist {
			changed[changes[i].ObjectID] = struct{}{}
		}
	}
	switch {
	case len(changed) == 0:
		return nil
	case len(changed) > maxSingleReads || b.current.Load() == nil:
		return b.loadAll(ctx)
	default:
		return b.loadSome(ctx, changed)
	}
}

// Restart keeps the rules: they refuse until Load has read the new ones, and
// an empty blacklist would let everybody in meanwhile.
func (b *Blacklist) Restart() {}

// Rules answers the rules held, for a later process, in no order. Only what
// refuses is in them.
func (b *Blacklist) Rules() []store.BlacklistRule {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]store.BlacklistRule, 0, len(b.rules))
	for id, r := range b.rules {
		all = append(all, r.kept(id))
	}
	return all
}

// Rule answers the rule of the id; false when none is held.
func (b *Blacklist) Rule(id string) (store.BlacklistRule, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, held := b.rules[id]
	if !held {
		return store.BlacklistRule{}, false
	}
	return r.kept(id), true
}

// Resume begins with rules that were kept, instead of [Blacklist.Load].
func (b *Blacklist) Resume(kept []store.BlacklistRule, read time.Time) error {
	rules, scopes := make(map[string]rule, len(kept)), make(map[string]struct{})
	for i := range kept {
		r, err := ruleOf(&kept[i])
		if err != nil {
			return err
		}
		rules[kept[i].ID], scopes[r.namespace] = r, struct{}{}
	}
	if len(rules) > b.maxRules {
		return b.tooMany()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.publish(rules, scopes, &snapshot{})
	b.caughtUp.Store(&read)
	return nil
}

// CaughtUp notes how fresh the rules are.
func (b *Blacklist) CaughtUp(at time.Time) { b.caughtUp.Store(&at) }

// Stats describe the snapshot in use.
type Stats struct {
	Rules    int       // rules in the snapshot, ended ones included
	CaughtUp time.Time // everything committed before it is in the snapshot
	Rebuilds int64     // snapshots made since the start
}

// Stats answers the state; package extauthz exports it.
func (b *Blacklist) Stats() Stats {
	stats := Stats{CaughtUp: *b.caughtUp.Load(), Rebuilds: b.rebuilds.Load()}
	if s := b.current.Load(); s != nil {
		stats.Rules = s.rules
	}
	return stats
}

// loadAll reads every page. A rule that comes or goes while it reads has a
// change of its own, later in the feed.
func (b *Blacklist) loadAll(ctx context.Context) error {
	rules := make(map[string]rule, len(b.rules))
	page := store.Page{Limit: store.MaxPage}
	for {
		found, next, err := b.store.BlacklistRules(ctx, nil, page)
		if err != nil {
			return fmt.Errorf("blacklist: read rules: %w", err)
		}
		for i := range found {
			if rules[found[i].ID], err = ruleOf(&found[i]); err != nil {
				return err
			}
		}
		if len(rules) > b.maxRules {
			return b.tooMany()
		}
		if next == "" {
			break
		}
		page.After = next
	}
	scopes := make(map[string]struct{})
	for _, r := range rules {
		scopes[r.namespace] = struct{}{}
	}
	b.publish(rules, scopes, &snapshot{})
	return nil
}

// loadSome reads the named rules and builds the tables they stand in anew.
func (b *Blacklist) loadSome(ctx context.Context, ids map[string]struct{}) error {
	read := make(map[string]rule, len(ids)) // a removed rule is not in it
	for id := range ids {
		found, err := b.store.BlacklistRule(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return fmt.Errorf("blacklist: read rule %s: %w", id, err)
		}
		if read[id], err = ruleOf(&found); err != nil {
			return err
		}
	}
	rules := make(map[string]rule, len(b.rules)+len(read))
	scopes := make(map[string]struct{})
	for id, r := range b.rules {
		if _, changed := ids[id]; changed {
			scopes[r.namespace] = struct{}{}
			continue
		}
		rules[id] = r
	}
	for id, r := range read {
		scopes[r.namespace] = struct{}{}
		rules[id] = r
	}
	if len(rules) > b.maxRules {
		return b.tooMany()
	}
	b.publish(rules, scopes, b.current.Load())
	return nil
}

func (b *Blacklist) publish(rules map[string]rule, scopes map[string]struct{}, old *snapshot) {
	b.rules = rules
	b.current.Store(old.with(rules, scopes))
	b.rebuilds.Add(1)
}

func (b *Blacklist) tooMany() error {
	return fmt.Errorf("blacklist: more than %d rules; remove some, join networks, or raise the bound on rules", b.maxRules)
}
