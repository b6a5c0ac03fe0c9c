// Package redis is what the processes of a deployment share beside their
// database: key records (key_*.go), pushes of the change feed (push.go), and
// budgets of limits (limit.go). It keeps nothing that cannot be lost, and
// nothing in it can cause an allow.
//
// # One client
//
// [Client] speaks to a single server, a master watched by Sentinels, or a
// Cluster ([ParseAddress] reads which). Whoever asks goes through
// [Client.Call]:
//
//	circuit open? > ErrAway at once
//	else ask, within a budget (25 ms) that includes connecting and waiting for
//	a connection > answer, or ErrAway
//
// Three failures in a row open the circuit. A probe in the background, with
// pauses of 0.1 to 5 seconds, closes it when Redis takes a write again (of a
// Cluster: when every primary answers, too). Nothing is tried twice. What a
// server may answer is bounded byte by byte before the library sees it
// (connection.go): the library makes room for whatever a reply announces.
//
// # Shared key records
//
// [KeyCache] is a store.KeyFinder in front of the database's. A record that
// one replica has read is written to Redis in the background, where the others
// find it. An entry is
//
//   - named by an HMAC of the hashes that are looked for, so that Redis learns
//     of no digest;
//   - sealed with AES-256-GCM under a key of that name, so that it can be
//     neither forged, changed nor moved. All keys come from the deployment's
//     snapshot key by HKDF with labels of their own. Versions whose records
//     differ in any field share nothing;
//   - bound to the history of the database: the position of the feed that its
//     reader had applied before, and the head of the feed after, by revision
//     and random id.
//
// [KeyGuard] follows the feed with the replica and lets an entry pass only if
// the replica has applied both positions, remembers every change since the
// first, and none was about the key, its plan, owner or namespace. An entry
// older than MaxAge is not used, and the replica's own cache counts its TTL
// from when the database was read. That no key exists is never shared.
//
// So whatever Redis replays: a replica that has applied a revocation refuses
// the entry from before it. A replica that has just started uses only entries
// that were read at the head it has loaded or later.
//
// # Pushes
//
// [Publish] tells the revision of the head after each commit; [Feed] wakes the
// follower, which reads the database. A push that names no newer revision is
// ignored. One that lies costs a read, and doubles the pause before the next
// push counts, up to a second; the first change that is found ends that.
//
// # What happens when things fail
//
//	Redis hangs, is slow     each call ends with its budget; after three none
//	                         is made; keys come from the database, the feed is
//	                         polled, limits fall back to the replica's share
//	is gone, cut off         the same, without waiting
//	comes back empty         used again after the next probe
//	fails over               away until the Sentinels or the Cluster have a new
//	                         primary, then used again
//	answers nonsense,        the connection is closed; as gone
//	endless replies
//	replays, forges, moves   the entry is not used and counted as stale or
//	entries                  broken; the database is asked
//	floods with pushes       a read of the feed a second at most
//
// Metrics begin with credence_redis_ and credence_shared_key_; [Client.Note]
// is what /readyz says beside "ready".
package redis
