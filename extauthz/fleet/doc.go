// Package fleet counts the replicas that run and says which of them this one
// is, so that each can keep to its share of what all together may do.
//
// # The algorithm
//
// Every replica has a row in the registry that it keeps fresh (package feed).
// Every 2 seconds the rows are read. A replica is live from when its row is
// seen first until it signs off or its row has not changed for 15 seconds,
// three reports; this replica is live always. Its rank is its place among the
// live ones by id, which is the same in all replicas that see the same rows.
//
// Time is counted from when a change of a row is seen, by this process's
// clock and as far as the rows could be read. So clocks that are apart make no
// difference (only rows that are older than 15 seconds and
// [store.MaxClockSkew] are left out unseen), and a store that was away, so that
// nobody could report, leaves everybody live.
//
// # What is promised
//
//   - [Watcher.Load] looks before this replica decides anything, after its row
//     was stored (package feed sees to the order): one that starts knows the
//     others, and they know it one look later, 2 seconds.
//   - One that signs off is out at the next look, one that crashed after 15
//     seconds and a look. Until then its share is nobody's.
//   - Ranks are told to every [Sharer] when they change, from one goroutine.
//
// # What happens when things fail
//
//	store fails            the number stays what it was, at start: not ready
//	this replica alone     it keeps its share; the others take it for gone
//	cannot reach the store after 15 seconds and divide its share among
//	                       themselves: n replicas, k of them cut off, admit at
//	                       most 1 + k/n of the limit, until the ceiling
package fleet
