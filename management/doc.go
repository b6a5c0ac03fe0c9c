// Package management holds the use-cases of the control plane: everything a
// person or a program may do to keys, plans, owners, namespaces and the
// blacklist. The HTTP API (management/api) is one caller of it; the CLI is a
// client of that API.
//
// # The shape of a use-case
//
// One use-case is one file, named noun_verb, and one method of [Service]:
//
//	authorise   may this actor act in this namespace? Whether its role allows
//	            the verb was judged before, by the operation table of the API
//	validate    every problem of the input at once, by JSON field name
//	transact    one [store.Store.InTx]: read, decide, write, audit entry, jobs
//
// References (does the plan exist?) are judged inside the transaction, so that
// they still hold when it commits, and reported together with the problems of
// form.
//
// After the commit, [Service.Receipt] waits for the data plane to have applied
// the change, where a caller wants to know.
//
// # What is promised
//
//   - A change has its audit entry, its jobs and its row in the feed, or none
//     of them exists: [store.Store.InTx] commits all or nothing.
//   - Audit details hold what changed, before and after. They never hold key
//     text or a hash.
//   - Key text leaves this package once, in the answer to the create that
//     minted it. A repeated create (same idempotency key, same request)
//     answers the same key without its text.
//   - An object in a namespace that the actor may not act in cannot be told
//     from one that does not exist: same code, same message.
//   - Asking for the state that a key already has answers the key unchanged
//     and records nothing. Revoking is final.
//
// # What happens when things fail
//
// Every method answers an [*Error] or nil, with a stable [Code] and a text that
// is safe to show. Its cause, for the log, is behind [errors.Is] and
// [errors.Unwrap]. When the store cannot answer, the code is [CodeUnavailable]
// and nothing was changed.
package management
