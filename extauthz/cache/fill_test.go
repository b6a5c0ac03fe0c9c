package cache_test

import (
	"context"
	"testing"
	"time"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

func TestAFillThatBeganBeforeARevokeIsNotInserted(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()

	held, release := w.gate.holdNext()
	answer := w.findAside(t.Context(), digest)
	<-held // the store has said "active"
	w.setStatus(id, store.StatusRevoked)
	w.sync()
	release()

	if got := <-answer; got.err != nil || got.key == nil || got.key.Status != store.StatusRevoked {
		t.Errorf("the look-up that was held answered %+v, want the revoked key", got)
	}
	if k := w.cache.Cached(digest); k == nil || k.Status != store.StatusRevoked {
		t.Errorf("cached %+v, want the revoked key", k)
	}
	if refused := w.cache.Stats().RefusedFills; refused != 1 {
		t.Errorf("%d fills refused, want 1", refused)
	}
}

func TestARequestAfterARevokeDoesNotGetAnAnswerReadBefore(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()

	held, release := w.gate.holdNext()
	first := w.findAside(t.Context(), digest)
	<-held
	w.setStatus(id, store.StatusRevoked)
	w.sync()
	later := w.findAside(t.Context(), digest) // joins the look-up that is held
	release()
	<-first
	if got := <-later; got.err != nil || got.key == nil || got.key.Status != store.StatusRevoked {
		t.Errorf("answered %+v, want the revoked key", got)
	}
}

func TestAFillIsNotInsertedWhenWhatItRestsOnChanged(t *testing.T) {
	for name, change := range map[string]func(ctx context.Context, tx *store.Tx) error{
		"plan": func(ctx context.Context, tx *store.Tx) error {
			p, err := tx.Plan(ctx, store.DefaultNamespace, "basic")
			if err != nil {
				return err
			}
			p.Limits = []limit.Limit{{Name: "plan", Limit: 2, Period: time.Second}}
			return tx.UpdatePlan(ctx, p)
		},
		"owner": func(ctx context.Context, tx *store.Tx) error {
			o, err := tx.Owner(ctx, store.DefaultNamespace, "team")
			if err != nil {
				return err
			}
			o.Limits = []limit.Limit{{Name: "owner", Limit: 2, Period: time.Second}}
			return tx.UpdateOwner(ctx, o)
		},
		"namespace": func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.Namespace(ctx, store.DefaultNamespace)
			if err != nil {
				return err
			}
			n.Description = "changed"
			return tx.UpdateNamespace(ctx, n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.insertPlanAndOwner()
			digest := w.mint()
			w.create(digest, func(k *store.Key) { k.Plan, k.Owner = "basic", "team" })
			w.sync()

			held, release := w.gate.holdNext()
			answer := w.findAside(t.Context(), digest)
			<-held
			w.do(change)
			w.sync()
			release()
			<-answer
			if refused := w.cache.Stats().RefusedFills; refused != 1 {
				t.Errorf("%d fills refused, want 1", refused)
			}

			before := w.cache.Cached(digest)
			w.do(change)
			w.sync()
			if w.cache.Cached(digest) != nil {
				t.Error("an entry outlived the change of what it rests on")
			}
			if after, _ := w.find(digest); after == before {
				t.Error("the entry was not read again")
			}
		})
	}
}

func TestChangesOfOthersEvictNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.insertPlanAndOwner()
	digest, _ := w.known()
	other, otherID := w.known()
	w.setStatus(otherID, store.StatusDisabled)
	w.do(func(ctx context.Context, tx *store.Tx) error {
		p, err := tx.Plan(ctx, store.DefaultNamespace, "basic")
		if err != nil {
			return err
		}
		return tx.UpdatePlan(ctx, p)
	})
	w.sync()
	if w.cache.Cached(digest) == nil {
		t.Error("the entry was evicted by the change of another key and of a plan it does not have")
	}
	w.wantStatus(other, store.StatusDisabled)
}

func TestCreatedKeyIsAcceptedAtOnceAlthoughItsDigestWasNegative(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	w.wantStatus(digest, "unknown")
	if _, source := w.find(digest); source != pipeline.KeySourceNegative {
		t.Fatalf("source %v, want a negative entry", source)
	}
	w.create(digest, nil)
	w.sync()
	w.wantStatus(digest, store.StatusActive)
}

func TestCreatedKeyIsAcceptedAtOnceUnderEveryPepperAndWithout(t *testing.T) {
	w := newWorld(t, nil)
	for n := range 3 {
		digest := w.mint()
		w.wantStatus(digest, "unknown")
		w.create(digest, func(k *store.Key) { k.Hash = w.secrets.Candidates(digest, nil)[n] })
		w.sync()
		w.wantStatus(digest, store.StatusActive)
	}
}

func TestALookUpOfAnUnknownKeyThatIsCreatedMeanwhileFindsIt(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	held, release := w.gate.holdNext()
	answer := w.findAside(t.Context(), digest)
	<-held // the store has said "no such key"
	w.create(digest, nil)
	w.sync()
	release()
	if got := <-answer; got.err != nil || got.key == nil {
		t.Errorf("answered %+v, want the key", got)
	}
	w.wantStatus(digest, store.StatusActive)
}

func TestAFillOlderThanTheRememberedChangesIsNotInserted(t *testing.T) {
	w := newWorld(t, func(o *cache.Options) { o.RecentChanges = 2 })
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()

	held, release := w.gate.holdNext()
	answer := w.findAside(t.Context(), digest)
	<-held
	w.setStatus(id, store.StatusRevoked)
	for range 4 { // each pushes two things out of memory
		w.create(w.mint(), nil)
	}
	w.sync()
	release()
	if got := <-answer; got.err != nil || got.key == nil || got.key.Status != store.StatusRevoked {
		t.Errorf("answered %+v, want the revoked key", got)
	}
}

func TestAKeyThatChangesEachTimeItIsReadIsAnError(t *testing.T) {
	w := newWorld(t, nil)
	digest := w.mint()
	id := w.create(digest, nil)
	w.sync()
	after := func(r store.KeyRecord, err error) (store.KeyRecord, error) {
		w.setStatus(id, store.StatusDisabled)
		w.sync()
		return r, err
	}
	w.gate.after.Store(&after)
	_, _, err := w.cache.Find(t.Context(), digest)
	wantError(t, err, cache.ErrUnsettled)
	wantError(t, err, store.ErrUnavailable)
	if w.cache.Cached(digest) != nil {
		t.Error("an answer that was out of date was inserted")
	}
	w.gate.open()
	w.wantStatus(digest, store.StatusDisabled)
}

func TestRestartEmptiesAndRefusesFillsBegunBefore(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	unknown := w.mint()
	w.wantStatus(unknown, "unknown")

	other := w.mint()
	w.create(other, nil)
	w.sync()
	held, release := w.gate.holdNext()
	answer := w.findAside(t.Context(), other)
	<-held
	w.cache.Restart()

	if s := w.cache.Stats(); s.Size != 0 || s.NegativeSize != 0 {
		t.Errorf("%d and %d entries outlived the restart", s.Size, s.NegativeSize)
	}
	if w.cache.Cached(digest) != nil {
		t.Error("an entry outlived the restart")
	}
	_, _, err := w.cache.Find(t.Context(), digest)
	wantError(t, err, cache.ErrOutOfStep)

	w.ok(w.cache.Load(t.Context()))
	w.sync()
	release()
	<-answer
	if refused := w.cache.Stats().RefusedFills; refused != 1 {
		t.Errorf("%d fills refused, want the one that began before the restart", refused)
	}
	w.wantStatus(digest, store.StatusActive)
}

func TestAChangeOfUnknownKindEmptiesTheCache(t *testing.T) {
	w := newWorld(t, nil)
	digest, _ := w.known()
	w.ok(w.cache.Apply(t.Context(), []store.Change{{Revision: 1_000_000, Kind: "of_tomorrow", ObjectID: "r"}}))
	if w.cache.Cached(digest) != nil {
		t.Error("an entry was kept although it may rest on what changed")
	}
}

func TestPurgedKeyIsForgotten(t *testing.T) {
	w := newWorld(t, nil)
	digest, id := w.known()
	w.do(func(ctx context.Context, tx *store.Tx) error {
		k, err := tx.Key(ctx, id)
		if err != nil {
			return err
		}
		return tx.PurgeKey(ctx, k)
	})
	w.sync()
	w.wantStatus(digest, "unknown")
	w.create(digest, nil) // imported again
	w.sync()
	w.wantStatus(digest, store.StatusActive)
}
