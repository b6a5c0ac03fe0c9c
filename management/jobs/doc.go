// Package jobs is the work of the control plane that is no answer to a
// caller: the handlers of queued jobs, and the passes that run at intervals.
// It imports store; a handler that needs a use-case names it as a small
// interface and gets it handed in.
//
// # Queued jobs
//
// [Handlers] answers the handler of each kind for [store.JobRunner]. A job is
// enqueued in the transaction of the change it belongs to, and may run more
// than once; each handler says in its comment why that does no harm.
//
// # Passes
//
// A pass has one shape: Options, RunOnce(ctx) (Result, error), and Run(ctx),
// which runs a pass at once and then at intervals, varied by a tenth, until
// ctx ends. A pass works in batches of at most [store.RemoveBatch] rows, each
// a transaction of its own, so that it never keeps other writers waiting for
// long, and does a bounded number of them.
//
// # One leader
//
// Any number of control planes may run; [Leader] has one of them run the
// passes. It holds a lease that it renews well before its time is over:
//
//	0          Renew       Term/2           Term
//	| asked    | renewed   | work is ended  | another process may lead
//
// So the lease may be lost, by a store that hangs or a process that is too
// slow, and still two never lead at once, as long as work ends within half a
// term when its context does. A pass that runs twice nevertheless does no
// harm: it removes what nobody needs, in transactions. Queued jobs need no
// leader: the queue gives each to one worker.
//
// # When it fails
//
// A queued job whose handler answers an error is tried again with growing
// pauses. A pass that fails is logged, does what it can of the rest, and runs
// again at the next interval; nothing it leaves behind is needed by anybody.
// [Failures] counts both.
package jobs
