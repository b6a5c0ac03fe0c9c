// Package postgres keeps everything in a PostgreSQL database: the backend of
// deployments of several processes. It fulfils [store.Backend]; package
// storetest says what that means, and its suite runs here.
//
// # Connections
//
// A pool of connections runs statements, each within a bound of time and, when
// it is one of a transaction, also within bounds that the server keeps. No
// statement relies on the state of a session: no prepared statement has a
// name, no setting outlives its transaction, no search path is assumed. So a
// pooler in transaction mode may stand in between. Only FindKey prepares its
// statement, on connections that are found to have no pooler. A standby is refused: what
// it answers may be behind, and the data plane must not take that for news.
//
// Nobody takes all of the pool. Who writes stands in line inside the process
// before taking a connection, two at a time, and what tenants read gets half of
// the rest at most ([store.Queue], [store.Lane]): a tenant that asks for much at
// once waits for itself, while the data plane, the authentication of admin
// tokens and global admins find connections free and go first.
//
// One more connection, a session of its own, waits for notifications of
// changes. It goes to Options.SessionURL, or to Options.URL when no pooler is
// found in between (the server's process id differs from the one given at the
// start of the connection when there is). With neither, followers poll.
//
// # Transactions
//
// [DB.Transact] lets one transaction write at a time, in the whole deployment:
// it begins by locking the row of the revision counter. Transactions that run
// one after the other are serializable, and never fail for it, so nothing is
// ever run twice. SERIALIZABLE would refuse about every second of two changes
// that meet (all of them write the counter and the head of an audit chain), and
// locks taken one by one could be taken in two orders. The price is the rate:
// some hundred changes a second, which is far above what people and jobs do;
// nothing on the path of a Check is such a transaction. Readers wait for nobody.
//
// A writer that hangs would hold up all others. Who waits gives up after
// Options.LockTimeout; the server ends a transaction that is without a
// statement for half that time. After a failed statement PostgreSQL accepts nothing
// more in that transaction: fn can only return, and when it swallows the
// error, Transact answers [store.ErrInvalid] and nothing is written.
//
// The revision is given by the last statement of the transaction and notified
// by the same statement, so revisions appear in the order of commits, without
// gaps, and nobody is woken for what is rolled back.
//
// # Who may do what
//
// The role that migrates owns the schema credence and everything in it; the
// control plane logs in as it, or as a member of it. It need not and should
// not be a superuser. The data plane logs in as a member of the role
// credence_data, which [Migrate] makes: it reads named columns and changes its
// own replica row and quota blocks through functions, and nothing else. A row
// of replicas belongs to the process that made it (a random token tells), so
// no replica can report in another's name. [DB.RemoveReplicas] and
// [DB.RemoveQuotas] are the control plane's, though they stand beside the data
// plane's methods.
//
// # Failures
//
//   - not migrated, older schema: [store.ErrOldSchema]; run migrate
//   - newer schema: [store.ErrNewerSchema]; run the newer program
//   - a schema credence that is another program's: [store.ErrCorrupt]
//   - unreachable, restarted, out of connections or disk, read-only, a standby,
//     too slow, refused login, missing privilege: [store.ErrUnavailable]
//   - a value the schema refuses: [store.ErrInvalid], a programming error
//   - damaged pages: [store.ErrCorrupt]
//
// An error of a caller's context passes through. When a connection breaks
// while a commit is under way, the outcome is unknown to us: the error is
// ErrUnavailable, and who tries again meets [store.ErrStale] or
// [store.ErrConflict] if it had been written.
//
// # Jobs
//
// River works the jobs off, in tables of its own in the same schema, so that a
// job is written by the transaction of the change it belongs to. Any number of
// processes may run jobs; each job is run by one of them, and again by another
// if that one dies. Each kind has a queue of its own. Who enqueues periodic
// jobs is the caller's to decide; River's leader only tends River's tables.
package postgres
