package management

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"time"

	"credence/store"
)

// KeysRevoke is the input of [Service.KeysRevoke]. A dry run takes Filter,
// Reason and Everything; doing it takes Confirm alone.
type KeysRevoke struct {
	Filter     KeyList // its Page is not looked at
	Everything bool    // lets a filter through that matches every key there is
	Reason     string  // 1 to 256 printable characters
	Confirm    string  // what the dry run answered
}

// KeysRevoked is the answer of [Service.KeysRevoke].
type KeysRevoked struct {
	// Matched and Sample are what a dry run would revoke: how many keys, and
	// the newest of them.
	Matched int
	Sample  []store.Key
	// Confirm has it done, until Until.
	Confirm string
	Until   time.Time

	// Revoked is how many keys this call has revoked; Skipped, how many match
	// and stay, because somebody changed them since the dry run. Unless Done,
	// there are more: the same call does the next of them.
	Revoked  int
	Skipped  int
	Done     bool
	Position store.Position // of the last change; zero when there was none
}

const (
	revokeSample = 20
	revokeBatch  = store.MaxPage
	// A call revokes so many keys, or for so long: who asks wants to see that it
	// goes on, and each call reads the feed from the dry run on, in which stands
	// what the calls before it did.
	revokeAtOnce = 20 * revokeBatch
	revokeFor    = 5 * time.Second
	// mostChanges bounds what may have happened since a dry run, what it was
	// made for included.
	mostChanges = 1_000_000
)

// KeysRevoke revokes the keys that a filter matches, in two steps. The dry run
// says which, and answers a confirmation bound to the caller, the filter and
// the state of that moment. The call that brings it back revokes some of them, in
// batches of one transaction each; it is repeated until it is done, also after
// an interruption. No key is revoked that the dry run did not match, or that was
// changed since.
func (s *Service) KeysRevoke(ctx context.Context, a Actor, in KeysRevoke) (KeysRevoked, error) {
	if in.Confirm == "" {
		return s.keysToRevoke(ctx, a, in)
	}
	p := &problems{now: s.now().UTC()}
	if in.Reason != "" || in.Everything || in.Filter != (KeyList{}) {
		p.add("confirm", "is given together with a filter or reason", "give it alone: it holds what the dry run was asked")
	}
	c := s.confirmed(p, a, in.Confirm)
	if err := p.err("revoke keys"); err != nil {
		return KeysRevoked{}, err
	}
	return s.revokeNext(ctx, a, c)
}

// live are the statuses of keys that can be revoked.
func live() []store.Status {
	return []store.Status{store.StatusActive, store.StatusDisabled, store.StatusSuspended}
}

// revocable is the filter as the store takes it; some is false when the actor
// may see nothing that it could match.
func revocable(a Actor, in KeyList, at time.Time) (filter store.KeyFilter, some bool, err error) {
	in.Page = PageInput{}
	if filter, _, err = in.filter(at); err != nil {
		return filter, false, err
	}
	filter.Namespaces, some = a.visible(in.Namespace)
	filter.Statuses = live()
	return filter, some, nil
}

// keysToRevoke is the dry run.
func (s *Service) keysToRevoke(ctx context.Context, a Actor, in KeysRevoke) (KeysRevoked, error) {
	p := &problems{now: s.now().UTC()}
	c := confirmation{Actor: a.ID, Filter: in.Filter, Reason: p.text("reason", in.Reason, 1, maxReason), At: p.now}
	filter, some, err := revocable(a, in.Filter, c.At)
	if refused, fields := invalid(err); refused {
		p.fields = append(p.fields, fields...)
	} else if err != nil {
		return KeysRevoked{}, err
	}
	if err := p.err("revoke keys"); err != nil {
		return KeysRevoked{}, err
	}
	out := KeysRevoked{Until: c.At.Add(confirmFor)}
	if some {
		// Where the feed stands is read first: what changes while we look is
		// then a change since.
		if c.Position, err = s.store.Head(ctx); err == nil {
			out.Matched, out.Sample, err = s.matching(ctx, p, a, filter, in)
		}
		if err == nil {
			err = p.err("revoke keys")
		}
		if err != nil {
			return KeysRevoked{}, failed("revoke keys", err)
		}
	}
	if out.Confirm, err = s.sign(c); err != nil {
		return KeysRevoked{}, failed("revoke keys", err)
	}
	return out, nil
}

// matching counts the keys and shows the first, and notes a filter that
// matches all there are.
func (s *Service) matching(ctx context.Context, p *problems, a Actor, filter store.KeyFilter, in KeysRevoke) (int, []store.Key, error) {
	matched, err := s.store.CountKeys(ctx, filter)
	if err != nil {
		return 0, nil, err
	}
	sample, _, err := s.store.Keys(ctx, filter, store.Page{Limit: revokeSample})
	if err != nil || in.Everything {
		return matched, sample, err
	}
	namespaces, _ := a.visible("")
	all, err := s.store.CountKeys(ctx, store.KeyFilter{Namespaces: namespaces, Statuses: live()})
	narrow := in.Filter
	narrow.Page = PageInput{}
	if err == nil && (narrow == (KeyList{}) || matched == all && all > 1) {
		p.add("everything", "is not set, and the filter matches all "+strconv.Itoa(all)+" keys that this caller may revoke",
			"narrow the filter, or set everything if this is meant")
	}
	return matched, sample, err
}

// revokeNext revokes the next keys, a batch in a transaction, for so long or so
// many of them; what a call has read of the feed serves all its batches.
//
// The keys are read before the feed: a key that was changed since the dry run
// is in the feed, or was read as it was then; and one that changes after it
// was read is not of the version that is written.
func (s *Service) revokeNext(ctx context.Context, a Actor, c confirmation) (KeysRevoked, error) {
	filter, some, err := revocable(a, c.Filter, c.At)
	if err != nil || !some {
		return KeysRevoked{Done: true}, err
	}
	var out KeysRevoked
	changed := &keysChanged{at: c.Position, seed: maphash.MakeSeed(), keys: map[uint64]struct{}{}}
	page, until := store.Page{Limit: revokeBatch}, s.now().Add(revokeFor)
	for {
		keys, next, err := s.store.Keys(ctx, filter, page)
		if err != nil {
			return KeysRevoked{}, failed("revoke keys", err)
		}
		if err := s.readChanged(ctx, changed); err != nil {
			return KeysRevoked{}, err
		}
		batch := slices.DeleteFunc(keys, func(k store.Key) bool { return changed.has(k.KeyID) })
		out.Skipped += len(keys) - len(batch)
		if len(batch) > 0 {
			stale, err := s.revokeKeys(ctx, a, batch, c.Reason, &out.Position)
			if err != nil {
				return KeysRevoked{}, err
			}
			out.Revoked, out.Skipped = out.Revoked+len(batch)-stale, out.Skipped+stale
		}
		if out.Done = next == ""; out.Done || out.Revoked >= revokeAtOnce || !s.now().Before(until) {
			return out, nil
		}
		page.After = next
	}
}

// keysChanged are the keys that were changed since a dry run: what the feed says
// up to a position. It can be a million, so it keeps 8 bytes of each; a key that
// is taken for another stays as it is.
type keysChanged struct {
	at   store.Position
	seen int
	seed maphash.Seed
	keys map[uint64]struct{}
}

func (c *keysChanged) has(id string) bool {
	_, is := c.keys[maphash.String(c.seed, id)]
	return is
}

// readChanged reads on in the feed.
func (s *Service) readChanged(ctx context.Context, c *keysChanged) error {
	const page = 1000
	for {
		found, err := s.store.ChangesAfter(ctx, c.at, page)
		if errors.Is(err, store.ErrFeedGap) || c.seen > mostChanges {
			return refuse(CodeConflict, "revoke keys: too much has changed since the dry run; make it again")
		}
		if err != nil {
			return failed("revoke keys", err)
		}
		for i := range found {
			if found[i].Kind == store.ChangeKey {
				c.keys[maphash.String(c.seed, found[i].ObjectID)] = struct{}{}
			}
			c.at = store.Position{Revision: found[i].Revision, ID: found[i].ID}
		}
		if c.seen += len(found); len(found) < page {
			return nil
		}
	}
}

// revokeKeys revokes keys that are of the versions they were read at, and
// answers how many are not.
func (s *Service) revokeKeys(ctx context.Context, a Actor, keys []store.Key, reason string, at *store.Position) (stale int, err error) {
	stale, *at, err = transact(ctx, s, a, "revoke keys", func(ctx context.Context, t *transaction) (int, error) {
		stale := 0
		for _, before := range keys {
			after := before
			after.Status, after.StatusReason, after.StatusAt = store.StatusRevoked, reason, t.Now()
			_, err := t.updateKey(ctx, "key.revoke", after, changedFacts(keyFacts(&before), keyFacts(&after)))
			switch {
			case errors.Is(err, store.ErrStale):
				stale++
			case err != nil:
				return 0, err
			}
		}
		return stale, nil
	})
	return stale, err
}
