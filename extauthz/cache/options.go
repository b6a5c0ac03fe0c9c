package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
)

// Candidates answers every hash under which the store may hold a digest. A
// credential.Secrets fulfils it.
type Candidates interface {
	Candidates(digest credential.Digest, dst []credential.Hash) []credential.Hash
}

// AgedFinder is a store.KeyFinder that answers from what replicas share, too.
// The TTL is counted from when the store was read, whoever did it.
type AgedFinder interface {
	store.KeyFinder
	// FindKeyAged is FindKey that also tells how long ago the store was read:
	// 0 when it was read now. What is shared MUST be as new as every change
	// that this replica has applied when it is called.
	FindKeyAged(ctx context.Context, hashes []credential.Hash) (store.KeyRecord, time.Duration, error)
}

// Options are what a Cache needs. Zero sizes and durations take the defaults
// named beside them.
type Options struct {
	Store   store.KeyFinder // or an AgedFinder
	Secrets Candidates
	Now     func() time.Time
	// Warm hands out the keys that the cache begins with; nil for none.
	Warm store.UsedKeyReader
	// WarmTimeout is the longest that may take; 30 seconds.
	WarmTimeout time.Duration
	// Report is told of errors that no caller sees; nil for nobody.
	Report func(ctx context.Context, err error)
	// Encode is called once for each key that was read, before anybody sees
	// it; nil for none.
	Encode func(*pipeline.Key)

	// Size is the most positive entries; 100000.
	Size int
	// NegativeSize is the most digests known not to exist; 20000.
	NegativeSize int
	// RecentChanges is how many changes are remembered for the fill rule; 32768.
	RecentChanges int

	// TTL is the age at which an entry is read again; 1 minute.
	TTL time.Duration
	// NegativeTTL is the age at which a negative entry is forgotten; 10 seconds.
	NegativeTTL time.Duration
	// Ceiling is the longest time since the last successful read of the feed
	// during which anything is answered; 5 minutes. Not less than TTL.
	Ceiling time.Duration

	// Lookups is the most look-ups that may be at the store at once; 32.
	Lookups int
	// LookupWait is the longest a look-up waits to be one of them; 100 ms.
	LookupWait time.Duration
	// LookupTimeout is the longest a look-up may take at the store; 2 seconds.
	LookupTimeout time.Duration
	// StaleWait is the longest a request waits for the store when an entry
	// past its TTL is at hand; 50 ms.
	StaleWait time.Duration
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	switch {
	case o.Store == nil:
		return errors.New("cache options: Store: missing")
	case o.Secrets == nil:
		return errors.New("cache options: Secrets: missing")
	case o.Now == nil:
		return errors.New("cache options: Now: missing")
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"Size", o.Size},
		{"NegativeSize", o.NegativeSize},
		{"RecentChanges", o.RecentChanges},
		{"Lookups", o.Lookups},
	} {
		if n.value < 0 {
			return fmt.Errorf("cache options: %s: %d is negative; give 1 or more, or 0 for the default", n.name, n.value)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"TTL", o.TTL},
		{"NegativeTTL", o.NegativeTTL},
		{"Ceiling", o.Ceiling},
		{"LookupWait", o.LookupWait},
		{"LookupTimeout", o.LookupTimeout},
		{"StaleWait", o.StaleWait},
		{"WarmTimeout", o.WarmTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("cache options: %s: %s is negative; give a time, or 0 for the default", d.name, d.value)
		}
	}
	if full := o.withDefaults(); full.Ceiling < full.TTL {
		return fmt.Errorf("cache options: Ceiling: %s is less than the TTL %s; raise it or lower the TTL",
			full.Ceiling, full.TTL)
	}
	return nil
}

// withDefaults fills in what was left zero.
func (o *Options) withDefaults() Options {
	full := *o
	for _, n := range []struct {
		value    *int
		standard int
	}{
		{&full.Size, 100_000},
		{&full.NegativeSize, 20_000},
		{&full.RecentChanges, 32_768},
		{&full.Lookups, 32},
	} {
		if *n.value == 0 {
			*n.value = n.standard
		}
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&full.TTL, time.Minute},
		{&full.NegativeTTL, 10 * time.Second},
		{&full.Ceiling, 5 * time.Minute},
		{&full.LookupWait, 100 * time.Millisecond},
		{&full.LookupTimeout, 2 * time.Second},
		{&full.StaleWait, 50 * time.Millisecond},
		{&full.WarmTimeout, warmTimeout},
	} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	if full.Report == nil {
		full.Report = func(context.Context, error) {}
	}
	return full
}
