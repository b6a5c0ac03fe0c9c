// Package drill rehearses an outage on one replica: for a time that is said in
// advance it behaves as if its store or its Redis were away, then returns by
// itself. `credence drill` orders it, [Officer] in the process does it.
//
//	command > drill.order in the data folder > the process > drill.state there
//
// # What is promised
//
//   - Only who can write the data folder of the process can order one. No port
//     knows of it. An order that others could have written is refused.
//   - It ends at its time, at the order to end it (Ctrl-C of the command), or
//     with the process, whichever comes first; it is at most as long as the
//     ceiling. What was ordered before the process started is not done.
//   - It is said in the log, in the metric credence_drill_active and in the
//     notes of /readyz, when it begins and while it lasts.
//   - Nothing else differs from an outage. Receipts name the replica meanwhile,
//     since it may let in what was revoked.
//
// # What happens when things fail
//
//	process gone or elsewhere  the command says so after a few seconds, and
//	                           takes its order back
//	command killed             the drill ends at its time
//	process stopped meanwhile  it cannot sign off; receipts wait for it as for
//	                           one that crashed
package drill
