package cache

import (
	"context"
	"slices"
	"time"

	"credence/store"
	"credence/store/credential"
)

// Load empties the cache: what was read before the head of the feed is not
// continued by the feed. It is warmed again in the background.
func (c *Cache) Load(context.Context) error {
	c.Restart()
	select {
	case c.loaded <- struct{}{}:
	default:
	}
	return nil
}

// Restart empties the cache and refuses the answers of all look-ups that have
// begun. Nothing is answered until CaughtUp.
func (c *Cache) Restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.caughtUp.Store(nil)
	c.recent.restart()
	c.counts.invalidations.Add(int64(c.known.size() + c.absent.size()))
	c.clear()
}

// CaughtUp says that everything committed before the instant was applied. The
// ceiling is counted from it.
func (c *Cache) CaughtUp(at time.Time) {
	read := c.instantOf(at)
	c.caughtUp.Store(&read)
}

// Apply evicts everything that rests on what changed. When it returns, neither
// Cached nor Find answers anything older.
func (c *Cache) Apply(_ context.Context, changes []store.Change) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	groups := make(map[ref]struct{})
	for i := range changes {
		change := &changes[i]
		c.recent.applied = max(c.recent.applied, change.Revision)
		switch change.Kind {
		case store.ChangeKey:
			c.applyKey(change)
		case store.ChangePlan:
			c.noteGroup(groups, planRef(change.Namespace, change.ObjectID), change.Revision)
		case store.ChangeOwner:
			c.noteGroup(groups, ownerRef(change.Namespace, change.ObjectID), change.Revision)
		case store.ChangeNamespace:
			c.noteGroup(groups, namespaceRef(change.ObjectID), change.Revision)
		case store.ChangeBlacklist, store.ChangeRoutePolicy: // nothing here rests on it
		default:
			// Written by a newer version: nobody here knows what rests on it.
			c.recent.forgetUpTo(change.Revision)
			c.clear()
		}
	}
	c.dropGroups(groups)
	return nil
}

func (c *Cache) noteGroup(groups map[ref]struct{}, of ref, revision store.Revision) {
	groups[of] = struct{}{}
	c.recent.add(of, revision)
}

func (c *Cache) applyKey(change *store.Change) {
	c.recent.add(keyRef(change.ObjectID), change.Revision)
	c.recent.add(hashRef(change.Hash), change.Revision)
	if e, ok := c.byKeyID[change.ObjectID]; ok {
		c.dropEntry(e)
		c.counts.invalidations.Add(1)
	}
	if change.Hash == (credential.Hash{}) {
		// Without a hash nobody knows which digest the key has.
		c.recent.forgetUpTo(change.Revision)
		c.counts.invalidations.Add(int64(c.absent.size()))
		c.clearAbsent()
		return
	}
	if a, ok := c.byHash[change.Hash]; ok {
		c.dropAbsence(a)
		c.counts.invalidations.Add(1)
	}
}

// dropGroups evicts the keys of the plans, owners and namespaces. These
// changes are rare, so one pass over all entries for a whole batch is cheaper
// than an index that every fill keeps.
func (c *Cache) dropGroups(groups map[ref]struct{}) {
	if len(groups) == 0 {
		return
	}
	for _, e := range slices.Backward(c.known.slots) { // removing moves the last slot, seen already, here
		for _, of := range [...]ref{
			planRef(e.key.Namespace, e.key.Plan), ownerRef(e.key.Namespace, e.key.Owner), namespaceRef(e.key.Namespace),
		} {
			if _, changed := groups[of]; changed {
				c.dropEntry(e)
				c.counts.invalidations.Add(1)
				break
			}
		}
	}
}

func (c *Cache) clear() {
	c.known.clear()
	clear(c.byKeyID)
	c.clearAbsent()
}

func (c *Cache) clearAbsent() {
	c.absent.clear()
	clear(c.byHash)
}
