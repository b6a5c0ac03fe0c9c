// Package limiter counts requests in the memory of one replica: the rates and
// quotas of keys, plans and owners ([Limiter]), all requests of an address
// ([AddressLimiter]) and its failed credentials ([Failures]).
//
// # Rates
//
// Each subject and limit has one instant, the theoretical arrival time of GCRA
// (package store/limit), moved by compare-and-swap. A request asks all its
// limits first and charges none of them when one refuses; when one that had
// said yes refuses at the charge, because another request came between, what
// was charged is taken back. In that moment a third request can be refused
// that would have found room a moment later; more than the limits allow is
// never admitted. A limit that is changed starts with a full budget, since an
// arrival time means nothing under another rate.
//
// One replica counts for itself. Where several replicas decide, each keeps to
// its share of every limit ([limit.Limit.Share]), so that all together keep to
// the limit: the rate divided by their number, and its part of the burst, at
// least 1. Package extauthz/fleet counts them and calls [Limiter.SetShare].
// Answers name the whole limit, and what remains of the share. A caller whose
// requests all go to one replica gets one share: spread connections.
//
// When the number changes, each rate takes what it owes along when it is used
// next. A replica that joins brings its share of every burst, and one that
// leaves has spent its share: each time at most one share more is admitted,
// once. Until the others have seen those that joined (package fleet says how
// long that takes), n replicas, k of them new, admit at most 1 + k/n times the
// rate. Limits of addresses and failures are not shared: each replica counts
// what it sees of an address.
//
// # Quotas
//
// The units of a calendar window (UTC) are counted in the store. A replica
// reserves them in blocks, a hundredth of the quota, at least 1 and at most
// 10000 units, and spends them in memory. It tops a block up in the background
// when half of it is spent. A request that finds nothing reserved waits for
// the store, but not longer than RefillWait. When the store has nothing left,
// requests are refused, and the store is asked again after 5 seconds, since
// another replica may have given units back. [Limiter.Close] gives back what was not spent.
//
// # Bounds
//
// A rate that is idle (its arrival time has passed) is the same as no rate at
// all, and is swept as others come. Over the bound, the one of a sample that
// is nearest to idle goes: its subject gets back, at once, what would have
// come back in the time it had left. Quotas with nothing reserved go without
// any loss; else the one of a sample with the least reserved goes, and its
// units go back to the store. Addresses are counted like rates, IPv6 by /64;
// a flood of new addresses pushes out other newcomers before it pushes out an
// address that is refused.
//
// # What happens when things fail
//
//	store fails    quotas are spent as far as they are reserved; then Take
//	               answers an error, at once for a second after each failure;
//	               rates go on as ever
//	store hangs    the same, after RefillWait
//	crash          at most one block of each quota is lost: counted as spent,
//	               never spent twice
//	clock jumps    rates count by the monotonic clock; quotas follow the wall
//	               clock into a later window, and back only after a minute
package limiter
