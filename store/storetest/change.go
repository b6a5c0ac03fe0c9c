package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"credence/store"
)

func changePromises() []promise {
	return []promise{
		{"Head", "answers the zero position when there is no change", func(f *fixture) {
			head, err := f.backend.Head(f.Context())
			f.ok(err)
			equal(f, head, store.Position{})
		}},
		{"Head", "answers the position of the newest change", func(f *fixture) {
			f.makeChanges(1)
			want := f.makeChanges(1)
			head, err := f.backend.Head(f.Context())
			f.ok(err)
			equal(f, head, want)
		}},
		{"ChangesAfter", "answers at most limit changes in order and without gaps", changesInOrder},
		{"ChangesAfter", "answers nothing at the head", func(f *fixture) {
			inOrderRevisions(f, f.changesAfter(store.Position{}, 10))
			inOrderRevisions(f, f.changesAfter(f.makeChanges(2), 10))
		}},
		{"ChangesAfter", "answers ErrFeedGap when the row at the position is gone", func(f *fixture) {
			first := f.makeChanges(1)
			f.clock.advance(time.Hour)
			f.makeChanges(1)
			f.pruneChanges(f.clock.now())
			f.gap(first)
		}},
		{"ChangesAfter", "answers ErrFeedGap at the start of a feed whose first changes are gone", func(f *fixture) {
			f.makeChanges(1)
			f.clock.advance(time.Hour)
			f.makeChanges(1)
			f.changesAfter(store.Position{}, 10)
			f.pruneChanges(f.clock.now())
			f.gap(store.Position{})
		}},
		{"ChangesAfter", "answers ErrFeedGap when the row has another id", func(f *fixture) {
			at := f.makeChanges(2)
			at.ID += "x"
			f.gap(at)
			f.gap(store.Position{ID: "chg_of_an_empty_feed"})
		}},
		{"ChangesAfter", "answers ErrFeedGap when the head is lower", func(f *fixture) {
			at := f.makeChanges(2)
			at.Revision += 5
			f.gap(at)
		}},
		{"ChangesAfter", "answers from one snapshot", changesFromOneSnapshot},
		{"AppendChanges", "gives the next revisions in order and random ids and answers the last", appendChanges},
		{"PruneChanges", "deletes what is older but never the newest", pruneChanges},
		{"PruneChanges", "deletes a batch at most, oldest first", func(f *fixture) {
			changes := make([]store.Change, store.RemoveBatch+3)
			for i := range changes {
				changes[i] = store.Change{Kind: store.ChangeBlacklist, ObjectID: "blk_1", At: f.clock.now()}
			}
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				_, err := w.AppendChanges(ctx, changes)
				return err
			}))
			f.clock.advance(time.Hour)
			equal(f, f.pruneChanges(f.clock.now()), store.RemoveBatch)
			head, err := f.backend.Head(f.Context())
			f.ok(err)
			equal(f, head.Revision, store.RemoveBatch+3)
			equal(f, f.pruneChanges(f.clock.now()), 2)
		}},
		{"PruneChanges", "never gives a revision twice", func(f *fixture) {
			f.makeChanges(3)
			f.clock.advance(time.Hour)
			f.pruneChanges(f.clock.now())
			equal(f, f.makeChanges(1).Revision, 4)
		}},
	}
}

// makeChanges makes n changes in one transaction and answers the last.
func (f *fixture) makeChanges(n int) store.Position {
	f.Helper()
	at, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(record())
		for range n {
			ns, err := tx.Namespace(ctx, store.DefaultNamespace)
			if err != nil {
				return err
			}
			if err := tx.UpdateNamespace(ctx, ns); err != nil {
				return err
			}
		}
		return nil
	})
	f.ok(err)
	return at
}

func (f *fixture) changesAfter(at store.Position, limit int) []store.Change {
	f.Helper()
	found, err := f.backend.ChangesAfter(f.Context(), at, limit)
	f.ok(err)
	return found
}

func (f *fixture) gap(at store.Position) {
	f.Helper()
	_, err := f.backend.ChangesAfter(f.Context(), at, 10)
	f.refused(err, store.ErrFeedGap)
}

func (f *fixture) pruneChanges(before time.Time) int {
	f.Helper()
	var n int
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) (err error) {
		n, err = w.PruneChanges(ctx, before)
		return err
	}))
	return n
}

func inOrderRevisions(f *fixture, got []store.Change, want ...store.Revision) {
	f.Helper()
	text := func(r store.Revision) string { return fmt.Sprint(int64(r)) }
	inOrder(f, names(got, func(c store.Change) string { return text(c.Revision) }), names(want, text)...)
}

func changesInOrder(f *fixture) {
	f.makeChanges(2)
	f.makeChanges(3)
	first := f.changesAfter(store.Position{}, 2)
	inOrderRevisions(f, first, 1, 2)
	rest := f.changesAfter(store.Position{Revision: first[1].Revision, ID: first[1].ID}, 10)
	inOrderRevisions(f, rest, 3, 4, 5)
}

func appendChanges(f *fixture) {
	changes := []store.Change{
		{Kind: store.ChangeKey, Namespace: "default", ObjectID: keyID(1), Created: true, Hash: keyHash(1), At: f.clock.now()},
		{Kind: store.ChangeBlacklist, ObjectID: "blk_1", At: f.clock.now()},
	}
	ids := map[string]bool{}
	for round := range 2 {
		var last store.Position
		f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) (err error) {
			last, err = w.AppendChanges(ctx, changes)
			return err
		}))
		stored := f.changesAfter(store.Position{}, 10)[2*round:]
		for i, c := range stored {
			want := changes[i]
			want.Revision, want.ID = store.Revision(2*round+i+1), c.ID
			equal(f, c, want)
			ids[c.ID] = true
		}
		equal(f, last, store.Position{Revision: stored[1].Revision, ID: stored[1].ID})
	}
	if len(ids) != 4 || ids[""] {
		f.Fatalf("ids are not distinct: %v", ids)
	}
}

func pruneChanges(f *fixture) {
	equal(f, f.pruneChanges(f.clock.now()), 0)
	f.makeChanges(2)
	f.clock.advance(time.Hour)
	at := f.makeChanges(2)
	equal(f, f.pruneChanges(f.clock.now()), 2)
	f.clock.advance(time.Hour)
	equal(f, f.pruneChanges(f.clock.now()), 1)
	head, err := f.backend.Head(f.Context())
	f.ok(err)
	equal(f, head, at)
	inOrderRevisions(f, f.changesAfter(at, 10))
}

// changesFromOneSnapshot reads the feed from a position that a writer prunes
// away at some moment. The answer is the whole continuation or a gap, never a
// continuation with its beginning missing.
func changesFromOneSnapshot(f *fixture) {
	at := f.makeChanges(1)
	var writing sync.WaitGroup
	defer writing.Wait()
	stop := make(chan struct{})
	writing.Go(func() {
		defer close(stop)
		for range 30 {
			f.clock.advance(time.Minute)
			if _, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error {
				tx.Audit(record())
				return tx.InsertBlacklistRule(ctx, f.sampleRule("blk_"+f.clock.now().Format("150405"), "", "203.0.113.1/32"))
			}); err != nil && !errors.Is(err, store.ErrConflict) {
				f.Errorf("write: %v", err)
			}
			f.makeChangeAndPrune()
		}
	})
	for {
		found, err := f.backend.ChangesAfter(f.Context(), at, 100)
		switch {
		case errors.Is(err, store.ErrFeedGap):
			at, err = f.backend.Head(f.Context())
			f.ok(err)
		case err != nil:
			f.Fatalf("changes: %v", err)
		case len(found) > 0:
			for i, c := range found {
				if c.Revision != at.Revision+store.Revision(i)+1 {
					f.Fatalf("after %d came %d in place %d", at.Revision, c.Revision, i)
				}
			}
			last := found[len(found)-1]
			at = store.Position{Revision: last.Revision, ID: last.ID}
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// makeChangeAndPrune leaves only the newest change; it runs beside the test.
func (f *fixture) makeChangeAndPrune() {
	err := f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		now := f.clock.now()
		if _, err := w.AppendChanges(ctx, []store.Change{{Kind: store.ChangeBlacklist, ObjectID: "blk_1", At: now}}); err != nil {
			return err
		}
		_, err := w.PruneChanges(ctx, now.Add(time.Minute))
		return err
	})
	if err != nil {
		f.Errorf("prune: %v", err)
	}
}
