package blacklist

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"credence/store"
)

// DefaultMaxRules is the most rules a replica holds if nothing else is said.
const DefaultMaxRules = 250_000

// Options are what a Blacklist needs.
type Options struct {
	Store    store.BlacklistReader
	MaxRules int // most rules held; 0 means DefaultMaxRules
}

// Blacklist refuses clients by the rules of the store.
type Blacklist struct {
	options Options
}

// New makes a Blacklist that refuses everybody until it has been loaded.
func New(o Options) (*Blacklist, error) {
	if o.Store == nil {
		return nil, errors.New("blacklist options: Store: missing")
	}
	return &Blacklist{options: o}, nil
}

// Refused reports whether a rule that has not ended at now refuses the client.
func (b *Blacklist) Refused(netip.Addr, string, time.Time) bool { return true }

// Load reads all rules.
func (b *Blacklist) Load(context.Context) error { return nil }

// Apply reads the rules that changed.
func (b *Blacklist) Apply(context.Context, []store.Change) error { return nil }

// Restart keeps the rules: Load follows.
func (b *Blacklist) Restart() {}

// CaughtUp notes how fresh the rules are.
func (b *Blacklist) CaughtUp(time.Time) {}

// Stats describe the snapshot in use.
type Stats struct {
	Rules    int       // rules in the snapshot, ended ones included
	CaughtUp time.Time // everything committed before it is in the snapshot
	Rebuilds int64     // snapshots made since the start
}

// Stats answers the state; package extauthz exports it.
func (b *Blacklist) Stats() Stats { return Stats{} }
