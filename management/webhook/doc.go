// Package webhook delivers events: it takes the turns at webhooks that the
// queue gives out, sends what is due, and writes down what came of it.
//
// # A turn
//
//	begin > [due > wait for the pace > send > write down] > end
//
// The queue holds about one turn for each webhook that has something to do, so
// a webhook that is slow or gone keeps one worker busy for as long as one call
// may take, and no other webhook waits for its backlog. A turn is short: then
// it is enqueued again, behind the others.
//
// # What is promised
//
//   - Every event is delivered at least once: a delivery ends only when a
//     receiver has answered 2xx, or when it was given up after [MaxAttempts]
//     attempts over three days. A process that dies in a turn loses its turn,
//     not its deliveries; [store.Store.WakeLateWebhooks] has it taken anew.
//   - Order is not promised: what failed is tried again while others go ahead.
//   - A webhook that does not answer is called less and less often, whatever
//     waits for it, and disabled after [DisableAfter] of nothing but failures,
//     or at once when it answers 410 Gone.
//   - What is called is judged by package outgoing; redirects are not followed,
//     and of an answer only the beginning is read.
//   - Neither secrets nor URLs are logged: a URL may hold one.
//
// # When it fails
//
// A try that fails is written down with a word for what went wrong. An error
// of the store or of a secret ends the turn; it is taken anew when its time is
// over.
//
// # Who may import it
//
// Package main, which hands the turns of the queue to it.
package webhook
