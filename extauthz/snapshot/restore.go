package snapshot

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"credence/extauthz/cache"
	"credence/store"
	"credence/store/credential"
)

// State is what a snapshot holds, apart from the keys.
type State struct {
	Position store.Position
	// ReadAt is when the feed was last read. It carries the reading of the
	// monotonic clock that a moment so long ago would have.
	ReadAt   time.Time
	Replica  string // the replica that wrote it
	Rank     int    // its share of the limits
	Replicas int
	Rules    []store.BlacklistRule
	Policies []store.RoutePolicy

	folder *Folder
	from   *os.File
	gone   changes
}

// Restore reads the snapshot: everything in it is checked before it answers.
// The error is a RefusedError, or an fs.ErrNotExist where there is none. The
// caller MUST Close the State.
func (f *Folder) Restore() (*State, error) {
	from, at, err := openOwn(f.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, f.refused(err)
	}
	s := &State{folder: f, from: from, gone: newChanges()}
	if err := s.verify(at); err != nil {
		return nil, errors.Join(f.refused(err), from.Close())
	}
	return s, nil
}

// refused makes any error one that says what became of the file.
func (f *Folder) refused(err error) error {
	known, ok := errors.AsType[*RefusedError](err)
	switch {
	case ok && known.Path != "":
		return err
	case ok:
		known.Path = f.path()
		return known
	case errors.Is(err, errCut), errors.Is(err, errSeal):
		return &RefusedError{f.path(), ReasonDamaged, err.Error(), nil}
	}
	return &RefusedError{f.path(), ReasonUnreadable, "it cannot be read", err}
}

// verify reads all of the file once. Keys are only counted: they are read
// again when somebody wants them.
func (s *State) verify(at uint64) error {
	r, err := open(s.from, s.folder.o.Secret)
	if err != nil {
		return err
	}
	if s.ReadAt, err = s.folder.readAt(&r.slot); err != nil {
		return err
	}
	var about *meta
	kept := held{map[string]store.BlacklistRule{}, map[string]store.RoutePolicy{}}
	if err := r.body(func(p *piece) error {
		if p.Meta != nil {
			about = p.Meta
		}
		for _, rule := range p.Rules {
			kept.rules[rule.ID] = rule
		}
		for _, policy := range p.Policies {
			kept.policies[policy.Name] = policy
		}
		return nil
	}); err != nil {
		return err
	}
	if about == nil {
		return errSeal
	}
	if about.File != at {
		return &RefusedError{Reason: ReasonCopied, Detail: "it was written elsewhere and copied here, by " + about.Replica + ", which may still run"}
	}
	s.Position, s.Replica, s.Rank, s.Replicas = about.Position, about.Replica, about.Rank, about.Replicas
	if err := r.journal(func(c *record) error { return s.replay(c, &kept) }); err != nil {
		return err
	}
	s.Rules = slices.Collect(maps.Values(kept.rules))
	s.Policies = slices.Collect(maps.Values(kept.policies))
	return nil
}

// held is what is kept of the things that there are few of.
type held struct {
	rules    map[string]store.BlacklistRule
	policies map[string]store.RoutePolicy
}

// readAt is the instant in the slot by our clock, if it is one that counts.
func (f *Folder) readAt(s *slot) (time.Time, error) {
	now := f.o.Now()
	since := age(s, now, f.o.Machine())
	switch {
	case since < -store.MaxClockSkew:
		return now, &RefusedError{Reason: ReasonFuture, Detail: "it was written " + (-since).Round(time.Second).String() +
			" from now by this clock, which must have been set back"}
	case since >= f.o.Ceiling:
		return now, &RefusedError{Reason: ReasonOld, Detail: "the change feed was last read " + since.Round(time.Second).String() +
			" ago, and the ceiling is " + f.o.Ceiling.String()}
	}
	return now.Add(-max(since, 0)), nil
}

// replay brings what was read in the body up to date.
func (s *State) replay(c *record, kept *held) error {
	if c.To.Revision <= s.Position.Revision {
		return errSeal
	}
	s.gone.note(c.Changes)
	for _, r := range c.Rules {
		if r.Held {
			kept.rules[r.ID] = r.Rule
		} else {
			delete(kept.rules, r.ID)
		}
	}
	for _, p := range c.Policies {
		if p.Held {
			kept.policies[p.Name] = p.Policy
		} else {
			delete(kept.policies, p.Name)
		}
	}
	s.Position = c.To
	return nil
}

// Keys hands over the keys that nothing has changed since they were read, some
// hundred at a time.
func (s *State) Keys(add func([]cache.Kept)) error {
	if _, err := s.from.Seek(0, io.SeekStart); err != nil {
		return s.folder.refused(err)
	}
	r, err := open(s.from, s.folder.o.Secret)
	if err != nil {
		return s.folder.refused(err)
	}
	err = r.body(func(p *piece) error {
		kept := make([]cache.Kept, 0, len(p.Keys))
		for i := range p.Keys {
			k := &p.Keys[i]
			if !s.gone.concern(k) {
				kept = append(kept, cache.Kept{Digest: k.Digest, Key: &k.Key, Revision: k.Revision, ReadAt: time.Unix(0, k.ReadAt)})
			}
		}
		add(kept)
		return nil
	})
	if err != nil {
		return s.folder.refused(err)
	}
	return nil
}

// Close ends the reading.
func (s *State) Close() error { return s.from.Close() }

// subject is something a key rests on.
type subject struct {
	kind            store.ChangeKind
	namespace, name string
	hash            credential.Hash
}

// changes is at which revision things changed last.
type changes struct {
	last map[subject]store.Revision
	all  store.Revision // a change of which nobody here knows what rests on it
}

func newChanges() changes { return changes{last: map[subject]store.Revision{}} }

func (c *changes) note(batch []change) {
	for i := range batch {
		one := &batch[i]
		switch one.Kind {
		case store.ChangeKey:
			c.last[subject{kind: one.Kind, name: one.ObjectID}] = one.Revision
			c.last[subject{kind: one.Kind, hash: one.Hash}] = one.Revision
		case store.ChangeNamespace:
			c.last[subject{kind: one.Kind, name: one.ObjectID}] = one.Revision
		case store.ChangePlan, store.ChangeOwner:
			c.last[subject{kind: one.Kind, namespace: one.Namespace, name: one.ObjectID}] = one.Revision
		case store.ChangeBlacklist, store.ChangeRoutePolicy: // no key rests on it
		default:
			c.all = one.Revision // written by a newer version
		}
	}
}

// concern reports whether something that the key rests on has changed since it
// was read.
func (c *changes) concern(k *keptKey) bool {
	since := c.all
	for _, of := range [...]subject{
		{kind: store.ChangeKey, name: k.Key.KeyID},
		{kind: store.ChangeKey, hash: k.Key.Hash},
		{kind: store.ChangeNamespace, name: k.Key.Namespace},
		{kind: store.ChangePlan, namespace: k.Key.Namespace, name: k.Key.Plan},
		{kind: store.ChangeOwner, namespace: k.Key.Namespace, name: k.Key.Owner},
	} {
		since = max(since, c.last[of])
	}
	return since > k.Revision
}
