// Package limit is the arithmetic of limits: GCRA (the generic cell rate
// algorithm) as a pure function of a limit, the stored theoretical arrival
// time and the present instant. It keeps no state and reads no clock; those
// who keep the state are extauthz/limiter (memory) and store/redis.
//
// # The algorithm
//
// A limit of L units per period P with burst B has an emission interval
// T = P/L (the time in which one unit comes back) and a tolerance B*T. The only
// state is one instant, the theoretical arrival time TAT: where the clock would
// stand if every unit had been paid for. A request of cost c is admitted when
//
//	max(TAT, now) + c*T - now <= B*T
//
// and then TAT becomes max(TAT, now) + c*T. A TAT of zero, or of any instant
// that has passed, is a full budget, so a subject that was never seen needs no
// state. The arithmetic is in whole nanoseconds; T is rounded up.
//
// # Promises
//
// In any window W the admitted cost is at most B + W*L/P: rounding can only
// take away, at most one nanosecond per unit (below 0.1 % for limits up to a
// million per second). Remaining, RetryAfter and ResetAfter are exact: exactly
// Remaining units would be admitted at the same instant; the same request is
// admitted after RetryAfter and not a nanosecond earlier; after ResetAfter the
// budget is full.
//
// A refused request does not change TAT, and TAT never goes down. A clock that
// goes backwards therefore gains nobody anything, and when it comes back
// nothing is lost; in between, requests are refused as far as the budget does
// not reach. Whoever keeps the state should feed instants that never go
// back: an instant at start plus the monotonic time since. A changed limit
// needs a new state, because a TAT under another T means nothing: keep the
// [Rate] next to the TAT and compare with ==.
//
// No valid limit, TAT, instant or cost overflows, and an invalid limit or cost
// is refused.
//
// # Shares
//
// Replicas that count for themselves each keep to a share, [Limit.Share], so
// that all together keep to the limit. In any window W they admit at most
// max(B, N) + W*L/P, and once more what a request costs above its share's burst
// for each of the N. When the number changes, [Rate.Carry] takes the state along.
//
// # Budgets
//
// Where replicas count together, [Draw] says what one of them asks of a budget
// that lies outside of all, and what is promised.
//
// # Quotas
//
// A [Quota] is a budget for a calendar day or month in UTC. Only its window is
// computed here; its units are counted in the store.
//
// # Notation
//
//	10/s   100/m   5000/h   20000/d   600/10m   5/1m30s
//	10/s burst 20
//	search=10/s burst 20
//	10000/day   exports=1000000/month
//
// Without a name, a limit is called after its period ("per-second",
// "per-minute", "per-hour", "per-day", "per-10m"), a quota "daily" or
// "monthly". Without a burst, the burst is the limit itself.
package limit
