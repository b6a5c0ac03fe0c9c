package management

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"credence/store"
)

// MaxWait is the longest that a caller may wait for a receipt.
const MaxWait = 30 * time.Second

const (
	lookTimeout  = 2 * time.Second        // of one look at the replicas
	firstPause   = time.Millisecond       // between two looks, doubling
	longestPause = 100 * time.Millisecond // up to this
)

// Receipt is the proof that the data plane knows a change.
type Receipt struct {
	// Revision is the one that had to be applied.
	Revision store.Revision
	// Complete says that nobody decides any more by what was before: every
	// replica that had to has applied the revision.
	Complete bool
	// Took is how long that took, or how long was waited for it.
	Took time.Duration
	// Replicas is how many had to apply it.
	Replicas int
	// Silent are those that were not heard to have applied it, by id.
	Silent []SilentReplica
	// Unasked is why the replicas could not be asked, nil when they could.
	// Such a receipt is never complete, and Replicas and Silent say nothing.
	Unasked error
}

// SilentReplica is a replica that may not know a change yet.
type SilentReplica struct {
	ID, Name, Address string
	// StopsAt is when it has stopped deciding by itself if it does not learn
	// of the change before.
	StopsAt time.Time
}

// Receipt waits until every replica has applied the change that was committed
// at the position, but not longer than wait, and says what came of it. The
// zero position, of a use-case that found nothing to change, stands for all
// that was committed until now.
//
// Replicas have to confirm that run (none that signed off) and may still be
// deciding, by what their rows say ([store.Replica.StopsBy]). One that starts
// later has the change in what it loads, since it is in the registry before it
// reads the feed. Whoever stays silent either reads the feed, and learns of
// the change there, or has read it last before the change and stops a ceiling
// after that.
//
// There is no error: the change is made, whatever becomes of the receipt.
func (s *Service) Receipt(ctx context.Context, at store.Position, wait time.Duration) Receipt {
	began := s.now()
	timer, cancel := context.WithTimeout(ctx, min(wait, MaxWait))
	defer cancel()
	w := &waiting{store: s.store, at: at, committed: began}
	err := w.look(ctx)
	// A look that fails is no news, and the next may succeed.
	for pause := firstPause; !w.over() && sleep(timer, pause); pause = min(2*pause, longestPause) {
		err = w.look(ctx)
	}
	r := w.receipt(s.now().Sub(began), err)
	if !r.Complete {
		s.logger.WarnContext(ctx, "change was not confirmed by every replica", slog.Int64("revision", int64(r.Revision)),
			slog.Int("replicas", r.Replicas), slog.Int("silent", len(r.Silent)), slog.Any("error", err))
	}
	return r
}

// sleep reports whether the pause has passed before ctx ended.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// waiting is one receipt in the making.
type waiting struct {
	store     store.DataPlane
	at        store.Position
	committed time.Time
	replicas  int
	pending   map[string]store.Replica // by id: not heard to have applied it; nil before the first look
}

func (w *waiting) over() bool { return w.pending != nil && len(w.pending) == 0 }

// look reads the rows of the replicas. The first look decides whom to wait for.
func (w *waiting) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if w.at == (store.Position{}) {
		head, err := w.store.Head(ctx)
		if err != nil {
			return fmt.Errorf("head of the feed: %w", err)
		}
		w.at = head
	}
	found, err := w.store.Replicas(ctx, w.since())
	if err != nil {
		return err
	}
	if w.pending == nil {
		w.pending = map[string]store.Replica{}
		for _, r := range found {
			if r.LeftAt.IsZero() && w.committed.Before(r.StopsBy()) {
				w.pending[r.ID] = r
			}
		}
		w.replicas = len(w.pending)
	}
	return w.settle(ctx, found)
}

// since is what the rows of all who are waited for are younger than: rows only
// become younger.
func (w *waiting) since() time.Time {
	var oldest time.Time
	for _, r := range w.pending {
		if oldest.IsZero() || r.SeenAt.Before(oldest) {
			oldest = r.SeenAt
		}
	}
	if oldest.IsZero() {
		return oldest
	}
	return oldest.Add(-time.Microsecond)
}

// settle strikes off whoever has applied the change or has signed off.
func (w *waiting) settle(ctx context.Context, found []store.Replica) error {
	var failed error
	for _, r := range found {
		if _, waited := w.pending[r.ID]; !waited {
			continue
		}
		applied, err := w.applied(ctx, r.Applied)
		failed = errors.Join(failed, err)
		if applied || !r.LeftAt.IsZero() {
			delete(w.pending, r.ID)
		} else {
			w.pending[r.ID] = r
		}
	}
	return failed
}

// applied reports whether who stands at the position has applied the change. A
// higher revision alone does not say so: after a backup was restored, a
// replica may stand in a history that is no more.
func (w *waiting) applied(ctx context.Context, by store.Position) (bool, error) {
	switch {
	case by.Revision < w.at.Revision:
		return false, nil
	case by.Revision == w.at.Revision:
		return by.ID == w.at.ID, nil
	}
	_, err := w.store.ChangesAfter(ctx, by, 1)
	if errors.Is(err, store.ErrFeedGap) {
		return false, nil
	}
	return err == nil, err
}

// receipt says how things stand; failed is the error of the last look.
func (w *waiting) receipt(took time.Duration, failed error) Receipt {
	r := Receipt{Revision: w.at.Revision, Complete: w.over(), Took: took, Replicas: w.replicas}
	if w.pending == nil {
		r.Unasked = failed
	}
	for _, id := range slices.Sorted(maps.Keys(w.pending)) {
		p := w.pending[id]
		r.Silent = append(r.Silent, SilentReplica{ID: p.ID, Name: p.Name, Address: p.Address, StopsAt: stopsAt(&p, w.committed)})
	}
	return r
}

// stopsAt is when a replica that has not applied a change has stopped by
// itself: it has not read the feed since the commit, so a ceiling after that
// at the latest; and one that does not report stops without any change.
func stopsAt(r *store.Replica, committed time.Time) time.Time {
	if byChange, bySilence := committed.Add(r.Ceiling), r.StopsBy(); bySilence.After(byChange) {
		return byChange
	}
	return r.StopsBy()
}
