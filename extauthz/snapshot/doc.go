// Package snapshot keeps on disk what a replica holds in memory, so that one
// that is restarted while the database is gone can go on deciding.
//
// # The file
//
//	header | slot | body: position, keys, blacklist rules, route policies, end | journal
//
// The body is written in the background, by streaming, to a new file that
// takes the place of the old one in one step. From then on the journal gets
// every change that the replica applies, and the slot, the one place that is
// written again and again, says how many there are and when the feed was last
// read with success. So the file is in step with the memory at all times, and
// a body is needed only every now and then.
//
// Everything behind the header is sealed (AES-256-GCM) in pieces under a key
// that belongs to this file alone: HKDF (RFC 5869) of the deployment's
// snapshot key, a random salt and the layout of what is kept. The nonce of a
// piece is its kind and its number, which no two pieces of a file share: a
// piece that was changed, moved, left out or taken from another file does not
// open, and what was cut off is missed by its number.
//
// # What is promised
//
//   - A key that was revoked, or a network that was refused, before the process
//     ended is not let in by the next one: the journal is written before the
//     position counts as applied.
//   - No receipt is complete while a process may start from a file that does
//     not know the change. [Keeper.Keep] makes the journal durable before the
//     position is reported, and a file that cannot be written any more is
//     removed before. A process that signs off removes the file first; one
//     that does not is waited for by its row, which outlives the file.
//   - The ceiling is counted from the instant in the file, by the wall clock
//     and, after a restart of the process alone, by the machine's. A start
//     does not renew it.
//   - One process at a time uses a folder (a lock says which), and a file that
//     was copied to another place is refused: whoever wrote it may still run
//     and confirm what the copy does not know. A copy of a whole disk cannot be
//     told apart; do not clone the data folder of a replica that runs.
//
// # What happens when things fail
//
//	file missing, cut off, changed,  a [RefusedError] with its reason; the
//	of another deployment, version   process waits for the database as if
//	or place, from the future, or    there were no file
//	older than the ceiling
//	file goes back to what it was    cannot be told; counted from its instant,
//	within the ceiling               it ends at the ceiling
//	disk full, file not writable     the file is removed; the replica goes on
//	                                 without one and tries again
//	nor removable                    nothing is reported until it is older than
//	                                 the ceiling; receipts name the replica
//	power cut                        what was confirmed is there; a file cut off
//	                                 in its last change is refused
package snapshot
