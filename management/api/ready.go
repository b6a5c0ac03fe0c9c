package api

import (
	"context"
	"sync"
	"time"
)

// readyAge is how long an answer to /readyz holds for all who ask: nobody needs
// a token to ask, and each answer costs a look at the database.
const readyAge = time.Second

// readyPatience is how long the database may take for it.
const readyPatience = 5 * time.Second

// sharedReady answers as check does, which it asks once a second at most.
func sharedReady(check func(context.Context) error, now func() time.Time) func(context.Context) error {
	var mu sync.Mutex // held while asking: the others want the same answer
	var asked time.Time
	var answer error
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if at := now(); asked.IsZero() || at.Sub(asked) >= readyAge {
			// The answer is for others, too, who must not wait for it for long.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyPatience)
			answer = check(ctx)
			cancel()
			asked = now()
		}
		return answer
	}
}
