package outage

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/link"
	"credence/test/stage"
)

// fleet is several replicas and who asks them.
type fleet struct {
	*world

	replicas []*harness.Credence
	probers  []*stage.Prober
}

func (w *world) fleet(lines ...*link.Line) *fleet {
	w.Helper()
	f := &fleet{world: w}
	for _, l := range lines {
		r := w.replica(l)
		f.replicas, f.probers = append(f.replicas, r), append(f.probers, w.prober(r))
	}
	return f
}

// sealed is a key whose receipt may have come.
type sealed struct {
	id, text  string
	receipted atomic.Bool
}

// load asks a replica for the keys in turn until ctx ends, and complains of
// each Check that began after the key's complete receipt and was allowed.
func (f *fleet) load(ctx context.Context, p *stage.Prober, keys []*sealed, allowed *atomic.Int64) {
	for n := 0; ctx.Err() == nil; n++ {
		k := keys[n%len(keys)]
		after := k.receipted.Load()
		got, err := p.Check(ctx, k.text)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			f.Errorf("a replica under load: %v", err)
			return
		case got.Status == http.StatusOK && after:
			f.Errorf("key %s was accepted after a complete receipt", k.id)
			return
		case got.Status == http.StatusOK:
			allowed.Add(1)
		case got.Status != http.StatusUnauthorized:
			f.Errorf("a replica under load answered %d %s", got.Status, got.Reason)
			return
		}
	}
}

// Real processes, as the role credence_data, under load that does not pause.
func TestFiveReplicasOnPostgreSQLNeverAcceptAKeyAfterACompleteReceipt(t *testing.T) {
	t.Parallel() // it hurts its own database only
	w := newWorld(t)
	f := w.fleet(w.data, w.data, w.data, w.data, w.data)
	const keys = 40
	var all []*sealed
	for range keys {
		id, text := w.key()
		all = append(all, &sealed{id: id, text: text})
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	allowed := make([]atomic.Int64, len(f.probers))
	for i, p := range f.probers {
		for range 2 {
			running.Go(func() { f.load(ctx, p, all, &allowed[i]) })
		}
	}
	for i := range allowed {
		w.until("every replica is under load", func() error { return atLeast(&allowed[i], 2*keys) })
	}
	for n, k := range all {
		in := client.KeyStatusInput{KeyID: k.id, WaitInput: client.WaitInput{Wait: "30s"}}
		change := w.api.KeyRevoke
		if n%2 == 1 {
			change = w.api.KeyDisable
		}
		changed, err := change(ctx, in)
		w.must(err)
		if changed.Receipt == nil || changed.Receipt.State != client.ReceiptComplete || changed.Receipt.Replicas != len(f.replicas) {
			t.Fatalf("receipt %+v, want a complete one of %d replicas", changed.Receipt, len(f.replicas))
		}
		k.receipted.Store(true)
		for _, p := range f.probers {
			if got, err := p.Check(ctx, k.text); err != nil || got.Status != http.StatusUnauthorized {
				t.Fatalf("after the receipt: %+v, %v", got, err)
			}
		}
	}
	stop()
	running.Wait()
}

// A process that stands still confirms nothing: the receipt names it, and it
// alone. When it goes on, it refuses before it is asked.
func TestAPartialReceiptOnPostgreSQLNamesTheFrozenReplica(t *testing.T) {
	t.Parallel() // it hurts its own database only
	w := newWorld(t)
	f := w.fleet(w.data, w.data, w.data)
	id, text := w.key()
	for _, p := range f.probers {
		w.answers(p, text, http.StatusOK)
	}
	frozen := f.replicas[1]
	w.must(frozen.Freeze(t.Context()))
	receipt := w.revoke(id, "5s")
	if receipt.State != client.ReceiptPartial || receipt.Replicas != 3 || len(receipt.Silent) != 1 ||
		receipt.Silent[0].Address != frozen.Check.String() {
		t.Fatalf("receipt %+v, want a partial one that names %s alone", receipt, frozen.Check)
	}
	for i, p := range f.probers {
		if i != 1 {
			w.answers(p, text, http.StatusUnauthorized)
		}
	}
	w.must(frozen.Thaw())
	w.answers(f.probers[1], text, http.StatusUnauthorized)
	id, _ = w.key()
	if receipt := w.revoke(id, "30s"); receipt.State != client.ReceiptComplete {
		t.Errorf("receipt %+v, want a complete one: the replica goes on", receipt)
	}
}

// A replica that can no longer read the feed accepts a revoked key, and is
// named for it, until its ceiling, and not a Check longer; whether its line is
// cut or nothing comes through it.
func TestAReplicaThatIsCutOffFromPostgreSQLStopsAtItsCeiling(t *testing.T) {
	t.Parallel() // it hurts its own database only
	w := newWorld(t)
	const ceiling = 10 * time.Second // the shortest there is
	cut, silent := w.line(), w.line()
	var probers []*stage.Prober
	for _, own := range []*link.Line{cut, silent} {
		probers = append(probers, w.prober(w.replica(own, "--ceiling", ceiling.String(), "--cache-ttl", "5s")))
	}
	id, text := w.key()
	// Both have applied what made the key: what they look up now, they keep.
	other, _ := w.key()
	if receipt := w.revoke(other, "30s"); receipt.State != client.ReceiptComplete || receipt.Replicas < len(probers) {
		t.Fatalf("receipt %+v, want a complete one of both replicas", receipt)
	}
	for _, p := range probers {
		w.answers(p, text, http.StatusOK)
	}
	cut.Cut()
	silent.Hold()
	stops := time.Now().Add(ceiling) // reads count from before now
	// They are asked from before the revocation on, however long that takes.
	last := make([]time.Time, len(probers))
	var waiting sync.WaitGroup
	for i, p := range probers {
		waiting.Go(func() { last[i] = w.lastAccepted(p, text) })
	}
	receipt := w.revoke(id, "100ms")
	waiting.Wait()
	if receipt.State != client.ReceiptPartial || len(receipt.Silent) != len(probers) {
		t.Fatalf("receipt %+v, want a partial one that names both replicas", receipt)
	}
	for i, at := range last {
		w.stopped(at, stops, receipt.Silent[i].StopsAt)
	}
	cut.Mend()
	silent.Mend()
	for _, p := range probers {
		w.answers(p, text, http.StatusUnauthorized)
	}
}

// lastAccepted waits until the replica answers 503 and answers when the last
// Check began that it accepted.
func (w *world) lastAccepted(p *stage.Prober, text string) (at time.Time) {
	err := harness.Until(w.Context(), harness.Patience, "the replica stops", func() error {
		begun := time.Now()
		got, err := p.Check(w.Context(), text)
		switch {
		case err != nil:
			return err
		case got.Status == http.StatusServiceUnavailable:
			return nil
		case got.Status != http.StatusOK:
			w.Errorf("answered %+v while it could not read the feed", got)
		}
		at = begun
		return errStillAccepted
	})
	if err != nil {
		w.Error(err)
	}
	if at.IsZero() {
		w.Error("it stopped at once: the test shows nothing")
	}
	return at
}

// stopped complains of a Check that was accepted after either instant.
func (w *world) stopped(at, ceiling, told time.Time) {
	if at.After(told) || at.After(ceiling) {
		w.Errorf("accepted %s after the ceiling, %s after what the receipt says", at.Sub(ceiling), at.Sub(told))
	}
}
