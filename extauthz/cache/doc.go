// Package cache finds the key record of a digest: in memory when it can, in
// the store when it must, and never a record that has been changed since.
//
// # The algorithm
//
//	Cached: positive entry > answer                     no lock, no allocation
//	Find:   positive entry > negative entry > look-up shared by all who ask >
//	        store > fill rule > answer
//
// Entries are immutable and hold the revision at which they were read. They
// are bounded: the clock hand of a CLOCK ring passes over entries that were
// used since it came by, and takes the first that was not. Digests known not
// to exist stand in a ring of their own, so that guesses cannot push out keys.
//
// The map is an index of our own (index.go): reading it takes no lock and writes
// no shared memory (an entry's used flag is written once per turn of the hand),
// and it tells early which memory a Check will look at, see package
// extauthz/prefetch. A cache
// that decides by itself when to evict (otter was tried) buffers each read and
// evicts in the background; here eviction, the index by key id and the fill
// rule must move together, under the one mutex that fills and the follower
// share and that Cached never takes.
//
// # The fill rule
//
// A look-up notes the applied revision before it reads the store. Its answer
// is inserted only if nothing it rests on has changed since: the key, its
// plan, owner and namespace; or, when there was no key, any key with one of
// the digest's hashes. Otherwise the store is read again. An answer is handed
// to those who wait for it in the same moment in which it is inserted, so a
// request that comes after a revocation was applied cannot join a look-up that
// read before it.
//
// Changes are remembered by number, not by age: the newest RecentChanges. A
// look-up that began before the oldest of them is refused whatever it found.
// After [Cache.Restart] every look-up that began before it is.
//
// # How long an entry is used
//
// Up to its TTL; entries in use are read again by [Cache.Run] before it ends.
// While the store cannot be reached the TTL stretches, up to the ceiling.
// Nothing at all is answered when the feed has not been read for the ceiling,
// counted from [Cache.CaughtUp] and by whichever of wall clock and monotonic
// clock says more: one stands still while a machine sleeps, the other can be
// set back. Expiry of keys is not judged here but at request time.
//
// # What happens when things fail
//
//	store fails          known keys: used until the ceiling. Others: an error
//	store hangs          known keys: wait StaleWait once a second, then as
//	                     above. Others: an error after LookupTimeout
//	too many look-ups    an error (ErrBusy) after LookupWait; known keys go on
//	caller gives up      the look-up goes on for the others and for the cache
//	feed not read        an error (ErrOutOfStep) for every key after the ceiling
//	feed has a gap       empty until it has been loaded anew
//	record makes no      an error for this key, also if an older entry is known
//	sense
package cache
