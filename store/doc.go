// Package store is the vocabulary that both planes share: the types of the
// things Credence keeps, the roles a database plays for them, and the errors
// it answers with. It holds no SQL and no transport.
//
// Contracts are written in MUST sentences. Each of them has a test of its own
// in package storetest, and every backend (store/sqlite, later store/postgres)
// passes the whole suite.
//
// # Changing something
//
// [Store.InTx] is the only way to change what Credence knows. One transaction
// holds the change itself, its sealed audit entry, the jobs it causes and its
// rows in the table of changes, which the data plane follows:
//
//	begin > write roles of Tx > sealed, chained audit entries > jobs
//	      > rows of changes, revision counter last > commit > wake followers
//
// A transaction that wrote something and recorded no audit entry is rolled
// back with [ErrUnaudited]: the rule is enforced here, once for all backends,
// and not left to the use-cases. The revision counter is taken last, so
// revisions appear in commit order and without gaps.
//
// # Who may import it
//
// Everything. It imports the standard library and its own leaf packages
// credential, limit and seal.
package store
