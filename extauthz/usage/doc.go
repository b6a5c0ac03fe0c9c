// Package usage counts what the data plane decides, by key and minute, and
// delivers the counts every second, never on the way of a Check.
//
// # What is counted
//
// For each key, minute (by this machine's clock, in UTC) and reason: how many
// Checks, how long they took together, and a sketch of the different client
// addresses (package store/sketch, 128 bytes). The same for Checks that no key
// was found for. On a route that only watches, the reason has "shadow_" before
// it. For each key and hour also the families of user agents: the name of the
// first product, without its version. For each key also when and from where it was last let through. And for
// each reason the addresses that were refused most. A Check takes from the read
// that brought it until it is answered, so those that came with it count, too.
//
// # Counting
//
// [Counter.Count] finds the key's counters beside the key in the cache, the
// first time in a map that is read without a lock (xsync.Map), and adds to them with atomic operations; it allocates only
// for a key or reason that it does not know. Keys that were used are put on a
// list, once a second each, so that the others cost nothing. Each counter has two lanes, for
// minutes of even and of odd number, and is emptied every second: so a count
// goes to the minute in which its Check began, and a new minute needs nothing
// new. A clock that is set while Checks run can have them counted in a minute
// beside theirs; none is lost by it.
//
// Counters that met nothing for some minutes are taken away. They are marked
// first, in the same word that counts: who adds to a counter that is marked
// sees that, and counts anew elsewhere. So every Check is counted once. A key
// in the cache keeps what is left of its entry, without counters, 144 bytes.
//
// Families of user agents hang on the key's entry, each with the hour that it
// counts. Of a key and hour 8 are told apart and all others counted together,
// because whoever calls can make names up. When an hour is over they are taken
// away, in the same way, and come again as they are met.
//
// # The heaviest failing addresses
//
// Space-saving (Metwally, Agrawal and El Abbadi, 2005): of each reason, 32
// counters in each of 8 stripes that addresses are spread over by a secret
// hash. An address that has none takes over that of the lightest, whose count
// becomes its uncertainty. Each second the 16 heaviest of a reason are kept.
// Among them is every address with more than a 16th of that second's refusals;
// what is said of one is wrong by at most a 32nd of them, and by how much at
// most is said with it.
//
// # Delivering
//
// Every second what was counted is added to what waits, and batches are cut
// from that, the oldest minutes first. A batch has a number, and is delivered
// with that number and unchanged until the sink has taken it; the next one
// comes after it. User agents are in it once a minute. The sink adds each number once ([store.UsageSink]), so every
// count arrives exactly once, whatever is repeated.
//
// # What happens when things fail
//
//	sink away            what waits grows to its bound. Then the oldest minutes
//	                     are folded into one: totals by key and reason stay
//	                     exact, and the row says how many minutes it covers.
//	                     Keys beyond the bound are summed as store.UsageOther,
//	                     and so are user agents, hour by hour.
//	                     Of failing addresses the lightest are dropped.
//	too many keys        as store.UsageOther, beyond the bound
//	sink refuses a batch it is dropped and counted, those after it go on; the
//	                     store records the gap in the numbers
//	process killed       what was not delivered is lost, a second or two as a
//	                     rule, of user agents up to a minute; the store records the gap from the last batch to
//	                     the last report (RecordUsageGaps). A process that has
//	                     nothing to tell tells so every 15 seconds.
//	process stops        [Counter.Close] delivers the rest and signs off
package usage
