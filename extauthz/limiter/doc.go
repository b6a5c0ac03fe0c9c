// Package limiter counts requests: the rates and quotas of keys, plans and
// owners ([Limiter]), all requests of an address ([AddressLimiter]) and its
// failed credentials ([Failures]). All but what [Budgets] and the store keep is
// in the memory of one replica.
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
// # Rates that replicas share
//
// With [Budgets] the replicas take from the same budgets (store/limit says in
// [limit.Draw] what those are, package store/redis keeps them):
//
//	shared.go   which way a request goes; the share where nobody answers
//	leased.go   units are drawn in advance and spent in memory
//	lease.go    what is held of one budget, and how much should be
//	exact.go    each request asks
//	lane.go     calls that go at the same time go together; giving up, coming back
//
// In any window W all replicas together admit at most burst + rate x W, both
// ways. A lease is a number of units and the instant at which they end, by this
// replica's monotonic clock counted from before they were drawn, and a fiftieth
// early: Redis counts them as held for longer. A request that finds enough of
// all its limits spends them by compare-and-swap and takes no lock. It has more
// drawn in the background when a quarter of what should be held is left; a
// request that finds too little waits for the draw, together with all others
// of that limit. What should be held follows the demand: about half a second
// of it, for high demand less, never more than burst / (2 x replicas). When a
// budget could not give what was wanted, it is left alone until there is
// something for two dozen requests, at most a quarter of a second; requests
// are refused meanwhile. What is not used is given back before it ends.
//
// Requests whose limits lie in different slots of a Cluster: leased holds units
// of each and spends all or none. Exact draws from all at once; when one
// refuses, what others gave is refunded, less what came back meanwhile.
//
// Nothing of this is ever an error to the caller. A request waits BudgetWait at
// most, then the share judges it. After two failures in a row a lane (all of
// Redis, or a sixteenth of a Cluster) is given up: nobody waits, and it is asked
// in the background until it has answered twice. What is admitted from budgets
// is charged to the share too, and what the share admits is told to the budgets
// with the next draw.
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
// all. It is swept as others come when it has been idle for a minute, or is
// when the bound is near: making it anew would cost the next request more than
// all else. Over the bound, the one of a sample that
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
//	budgets fail   the share judges, see above; a single answer that comes too
//	               late lets the request on top of the limit until it is told
//	budgets        each of them is full again: one burst more, each time
//	forget
//	budgets lie    what cannot be true is not believed; else one replica admits at
//	               most twice the burst and the rate, and its share besides; or
//	               refuses for as long as the budgets say so
//	clock jumps    rates count by the monotonic clock; quotas follow the wall
//	               clock into a later window, and back only after a minute
package limiter
