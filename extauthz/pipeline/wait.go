package pipeline

import "context"

// WaitKey is under which a transport that answers several Checks on one
// goroutine puts a [Waiter] into the context of each.
type WaitKey struct{}

// Waiter is told before a Check waits for something outside of this process.
type Waiter interface{ Wait() }

// Waits says that the Check of ctx is about to wait, so that its transport has
// the others go on. Whoever fulfils a port calls it on the goroutine of the
// Check, each time before it waits.
func Waits(ctx context.Context) {
	if w, ok := ctx.Value(WaitKey{}).(Waiter); ok {
		w.Wait()
	}
}
