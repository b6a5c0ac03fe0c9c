package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"credence/store"
)

// rememberedChanges is how many changes the guard remembers.
const rememberedChanges = 32_768

// KeyGuard decides whether a shared entry is still true. It follows the change
// feed of its replica, and remembers of the newest changes their ids and what
// they were about.
//
// An entry says between which two positions of the feed it was read. It is true
// if this replica has passed these very positions, by revision and id, still
// remembers them, and has seen no change since the first of the key, its plan,
// owner or namespace. The second one tells that what was read has not been lost
// since: a record can be newer than what its reader had applied.
// What it has not seen cannot be judged, so an entry from before the start of
// the process, from before a gap, of another history of the same database (a
// restored backup counts the same revisions again) or from a replica that is
// further on is not used.
//
// It fulfils feed.Subscriber and MUST come before the replica's own cache
// there: that cache then never knows of a change that the guard does not.
type KeyGuard struct {
	feed store.ChangeFeed

	mu      sync.Mutex
	loaded  bool
	oldest  store.Revision // of the positions that are remembered
	applied store.Position
	ring    []change // the change of revision r lies at r modulo the length
	last    map[subject]store.Revision
}

// change is what is remembered of one.
type change struct {
	revision store.Revision
	id       string
	about    subject
}

// subject is something a key record rests on. Namespace is that of plans and
// owners.
type subject struct {
	kind            store.ChangeKind
	namespace, name string
}

func newKeyGuard(feed store.ChangeFeed, remembered int) *KeyGuard {
	return &KeyGuard{feed: feed, ring: make([]change, remembered), last: map[subject]store.Revision{}}
}

// Load begins anew at the head of the feed. The follower has read a head
// before, so this one is the same or later.
func (g *KeyGuard) Load(ctx context.Context) error {
	head, err := g.feed.Head(ctx)
	if err != nil {
		return fmt.Errorf("guard of shared keys: head of the feed: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	g.applied, g.oldest, g.loaded = head, head.Revision, head.ID != ""
	*g.at(head.Revision) = change{revision: head.Revision, id: head.ID}
	return nil
}

// Restart believes in no entry until Load.
func (g *KeyGuard) Restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
}

// CaughtUp does nothing: the cache itself watches the ceiling.
func (g *KeyGuard) CaughtUp(time.Time) {}

// Apply remembers changes. They follow each other without gaps; those up to
// the head that Load read, and those of a batch that is applied again, are
// known.
func (g *KeyGuard) Apply(_ context.Context, changes []store.Change) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range changes {
		g.apply(&changes[i])
	}
	return nil
}

func (g *KeyGuard) apply(c *store.Change) {
	switch {
	case !g.loaded:
		if g.applied == (store.Position{}) && c.Revision == 1 { // the feed was empty
			g.loaded, g.oldest = true, c.Revision
			g.remember(c)
		}
	case c.Revision <= g.applied.Revision:
		if known := g.at(c.Revision); known.revision == c.Revision && known.id != c.ID {
			g.forget() // another history than the one that was loaded
		}
	case c.Revision != g.applied.Revision+1:
		g.forget()
	default:
		g.remember(c)
	}
}

// remember notes the next change in the place of the oldest.
func (g *KeyGuard) remember(c *store.Change) {
	place := g.at(c.Revision)
	if g.last[place.about] == place.revision {
		delete(g.last, place.about)
	}
	*place = change{revision: c.Revision, id: c.ID}
	g.oldest = max(g.oldest, c.Revision-store.Revision(len(g.ring))+1)
	switch c.Kind {
	case store.ChangeKey, store.ChangeNamespace:
		place.about = subject{kind: c.Kind, name: c.ObjectID}
	case store.ChangePlan, store.ChangeOwner:
		place.about = subject{c.Kind, c.Namespace, c.ObjectID}
	case store.ChangeBlacklist, store.ChangeRoutePolicy: // no key record rests on it
	default:
		// Written by a newer version: nobody here knows what rests on it.
		g.oldest = c.Revision
	}
	if place.about != (subject{}) {
		g.last[place.about] = c.Revision
	}
	g.applied = store.Position{Revision: c.Revision, ID: c.ID}
}

// forget believes in nothing. The position becomes one that no change follows.
func (g *KeyGuard) forget() {
	g.loaded, g.oldest, g.applied = false, 0, store.Position{Revision: -1}
	clear(g.ring)
	clear(g.last)
}

func (g *KeyGuard) at(r store.Revision) *change { return &g.ring[int(r%store.Revision(len(g.ring)))] }

// position is where the replica stands; false when it does not know.
func (g *KeyGuard) position() (store.Position, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.applied, g.loaded
}

// settled reports whether the record, read between the positions, is still
// true as far as this replica has followed the feed. A head that lies before
// what the reader had applied is that of a restored backup, which the reader
// had not noticed: the record belongs to neither history.
func (g *KeyGuard) settled(k *store.KeyRecord, before, after store.Position) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if after.Revision < before.Revision || !g.passed(before) || !g.passed(after) {
		return false
	}
	for _, about := range [...]subject{
		{kind: store.ChangeKey, name: k.KeyID},
		{kind: store.ChangeNamespace, name: k.Namespace},
		{store.ChangePlan, k.Namespace, k.Plan},
		{store.ChangeOwner, k.Namespace, k.Owner},
	} {
		if g.last[about] > before.Revision {
			return false
		}
	}
	return true
}

// passed reports whether the replica has applied the change at the position,
// and remembers everything since.
func (g *KeyGuard) passed(p store.Position) bool {
	if !g.loaded || p.ID == "" || p.Revision < g.oldest || p.Revision > g.applied.Revision {
		return false
	}
	known := g.at(p.Revision)
	return known.revision == p.Revision && known.id == p.ID
}
