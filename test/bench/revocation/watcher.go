package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"credence/test/harness"
	"credence/test/stage"
)

// watcher is the load of one replica: Checks at a steady pace, of the keys
// that are being revoked in turn, and of any key when there is none.
type watcher struct {
	prober *stage.Prober
	keys   []key

	mu      sync.Mutex
	pending []int // keys whose refusal is waited for, the one asked for longest ago first
	seen    []sighting
	failure error // why it has stopped; nil while it runs
}

// sighting is what was seen of a key.
type sighting struct {
	allowed time.Time // the last answer that allowed
	refused time.Time // the first that refused
}

func newWatcher(r *harness.Credence) (*watcher, error) {
	p, err := stage.NewProber(r.Check)
	return &watcher{prober: p}, err
}

// warm lets the replica hold all keys.
func (w *watcher) warm(ctx context.Context, keys []key) error {
	w.keys, w.seen = keys, make([]sighting, len(keys))
	for n := range keys {
		// All replicas look everything up at once: some answers are 503.
		err := harness.Until(ctx, harness.Patience, "a replica that starts", func() error {
			answer, err := w.prober.Check(ctx, keys[n].text)
			if err == nil && answer.Status != http.StatusOK {
				err = fmt.Errorf("answered %d %s for a new key", answer.Status, answer.Reason)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// expect says that the key is being revoked from now on.
func (w *watcher) expect(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, n)
}

func (w *watcher) done() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == nil && len(w.pending) > 0 {
		return fmt.Errorf("%d keys are still accepted by a replica", len(w.pending))
	}
	return nil
}

func (w *watcher) run(ctx context.Context, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n := w.pick()
		answer, err := w.prober.Check(ctx, w.keys[n].text)
		if ctx.Err() != nil {
			return
		}
		if err := w.note(n, answer, err, time.Now()); err != nil {
			w.mu.Lock()
			w.failure = err
			w.mu.Unlock()
			return
		}
	}
}

// pick answers the key of the next Check.
func (w *watcher) pick() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) == 0 {
		return rand.IntN(len(w.keys)) //nolint:gosec // spreads load; nobody gains by guessing it
	}
	n := w.pending[0]
	w.pending = append(w.pending[1:], n)
	return n
}

func (w *watcher) note(n int, answer stage.Answer, err error, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.seen[n]
	switch {
	case err != nil:
		return fmt.Errorf("a replica under load: %w", err)
	case answer.Status == http.StatusOK && !s.refused.IsZero():
		return fmt.Errorf("key %s was accepted %s after the same replica had refused it", w.keys[n].id, at.Sub(s.refused))
	case answer.Status == http.StatusOK:
		s.allowed = at
	case answer.Reason != "revoked":
		return fmt.Errorf("a replica under load answers %d %s", answer.Status, answer.Reason)
	case s.refused.IsZero():
		s.refused = at
		for i, p := range w.pending {
			if p == n {
				w.pending = append(w.pending[:i], w.pending[i+1:]...)
				break
			}
		}
	}
	return nil
}
