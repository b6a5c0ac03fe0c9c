// Package feed follows the store's change feed and keeps what a replica holds
// in memory in step with it: the key cache, the blacklist, and whatever else
// subscribes.
//
// # The algorithm
//
//	the replica's row > head of the feed > every subscriber loads > ready
//	then, every poll interval and whenever the store says "look now":
//	read the changes after the applied position > every subscriber applies
//	them > the applied position moves > the replica reports it
//
// The row comes first, so that whoever makes a change and then looks who has
// to learn of it finds every replica whose load may have missed it. Until the
// row is stored, nothing is loaded and nothing is decided.
//
// The head is read before anything is loaded, so a change that happens during
// the load is either in what was loaded or comes through the feed, or both;
// applying one twice does no harm. The channel of pushes is taken before the
// first read and holds one value, so a push that comes while the follower
// works is not lost; a push that never comes costs one poll interval.
//
// # What is promised
//
//   - [Follower.Applied] moves only when every subscriber has applied.
//   - [Follower.LastRead] is the instant before a read began that left nothing
//     unapplied. A read that filled its page, whose changes a subscriber
//     could not apply, or that is more than [store.ReportWithin] younger than
//     the replica's last stored report, does not move it. The ceiling is
//     counted from it, so a replica that nobody hears of stops by itself, at
//     an instant that its row tells ([store.Replica.StopsBy]), also where it
//     could read all the time but not write.
//   - An applied change is reported at once; many in a row, ten times a
//     second.
//   - One subscriber's error keeps no change from the others.
//   - Changes arrive in order and without gaps. If the store says that the
//     feed does not continue ([store.ErrFeedGap]), or a revision is missing,
//     every subscriber restarts and is loaded again.
//
// A replica that starts from a snapshot ([Resumed]) begins in the middle:
//
//	its row > what was not in the snapshot loads > changes after its position
//
// Until then the row of the process that wrote the snapshot stands for it: it
// has not signed off, has reported nothing that the snapshot does not know
// ([Keeper]), and says until when one of its kind may still decide.
//
// # What happens when things fail
//
//	store fails or hangs    each call has a deadline; tried again after a pause
//	                        that doubles up to MaxBackoff, or at the next push;
//	                        LastRead stays, so the ceiling draws nearer
//	subscriber fails        the same changes are applied again after the pause
//	feed was restored,      subscribers restart and load; until then the key
//	pruned or failed over   cache answers nothing
//	report fails            logged; tried again with the next report. After
//	                        ReportWithin changes still arrive and are applied,
//	                        but the ceiling draws nearer. At the start: not
//	                        ready until one is stored
//	process ends            the replica's row says so (LeftAt); after a crash it
//	                        goes silent instead, and so it does when it leaves a
//	                        snapshot behind because the store is away
package feed
