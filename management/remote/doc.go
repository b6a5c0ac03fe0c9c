// Package remote is what the clients of other programs (Gitea, n8n) have in
// common: how a call is made, paced and bounded, what its answer is, and the
// words for what went wrong. It knows none of the programs.
//
// # A call
//
//	pause > slot > pace > deadline > send > judge by content type
//
// [Client.Do] answers whatever the program answered, and an [*Error] when it
// did not answer. What a status means is the program's own: its package makes
// the [*Error] with [Target.Fail].
//
// # What is promised
//
//   - All calls go through package outgoing: judged addresses, no redirects, no
//     proxy of the environment, no cookies. A call carries the headers of its
//     request and nothing else, so a credential that is tried out is never
//     mixed with the one that manages.
//   - Only reads and deletes are tried again, at most [attempts] times, and
//     never longer than the bound of all attempts together. What makes something
//     is sent once: neither program can tell a repetition.
//   - An error says whether the request may have been carried out
//     ([Error.Uncertain]).
//   - Everything is bounded: the answer, the time of an attempt and of all, the
//     calls at once to one target, the targets that are remembered.
//   - After three calls in a row that were not answered a target is left alone
//     for a minute.
//   - The text of an error holds no secret of the target, at most 200
//     characters, and none that cannot be printed. It was written by somebody
//     else: it is shown to who made the connection and to nobody else.
//
// # Who may import it
//
// The clients of other programs, and the use-cases that use them.
package remote
