package receipt

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/management"
	"credence/store"
)

// load sends Checks to a replica, some thousand a second, until it is stopped,
// and complains of each that began after the receipt and was accepted.
func load(ctx context.Context, tb testing.TB, r *replica, text string, receipted *atomic.Bool) (accepted int) {
	tb.Helper()
	for ctx.Err() == nil {
		after := receipted.Load()
		if r.check(ctx, text) == pipeline.ReasonAllowed {
			accepted++
			if after {
				tb.Errorf("%s accepted the key after a complete receipt", r.id)
				return accepted
			}
		}
		<-time.After(200 * time.Microsecond)
	}
	return accepted
}

func TestAKeyIsNeverAcceptedAfterACompleteReceipt(t *testing.T) {
	o := newOffice(t)
	const replicas, rounds = 5, 10
	slow := slowness{
		store: func() { <-time.After(rand.N(5 * time.Millisecond)) },
		apply: func() { // at times longer than the pause between two reports
			if rand.IntN(3) == 0 {
				<-time.After(rand.N(300 * time.Millisecond))
			}
		},
	}
	var running []*replica
	for range replicas {
		running = append(running, o.start(slow))
	}
	for round := range rounds {
		id, text := o.key(nil)
		var receipted atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		var loads sync.WaitGroup
		var accepted atomic.Int64
		begin := func(r *replica) {
			loads.Go(func() { accepted.Add(int64(load(ctx, t, r, text, &receipted))) })
		}
		for _, r := range running {
			if reason := r.check(ctx, text); reason != pipeline.ReasonAllowed {
				t.Fatalf("round %d: %s answers %v for a new key", round, r.id, reason)
			}
			begin(r)
		}
		// One replica starts while the key is revoked, and one leaves.
		done := make(chan management.Receipt, 1)
		loads.Go(func() {
			revoked, err := o.KeyRevoke(ctx, admin, management.KeyStatusChange{KeyID: id})
			if err != nil {
				t.Error(err)
			}
			receipt := o.Receipt(ctx, revoked.Position, management.MaxWait)
			receipted.Store(receipt.Complete)
			done <- receipt
		})
		fresh := o.start(slow)
		begin(fresh)
		running = append(running, fresh)
		receipt := <-done
		if !receipt.Complete || receipt.Replicas < replicas {
			t.Errorf("round %d: receipt %+v, want a complete one", round, receipt)
		}
		for _, r := range running {
			if reason := r.check(ctx, text); reason != pipeline.ReasonRevoked {
				t.Errorf("round %d: %s answers %v after the receipt", round, r.id, reason)
			}
		}
		cancel()
		loads.Wait()
		if accepted.Load() == 0 {
			t.Errorf("round %d: the key was never accepted under load: the test shows nothing", round)
		}
		running[0].stop()
		running = running[1:]
	}
	for _, r := range running {
		r.stop()
	}
}

func TestAPartialReceiptNamesTheSilentReplicaAndWhenItStops(t *testing.T) {
	o := newOffice(t)
	running := []*replica{o.start(slowness{}), o.start(slowness{}), o.start(slowness{})}
	defer func() {
		for _, r := range running {
			r.stop()
		}
	}()
	id, text := o.key(nil)
	for _, r := range running {
		if reason := r.check(t.Context(), text); reason != pipeline.ReasonAllowed {
			t.Fatalf("%s answers %v for a new key", r.id, reason)
		}
	}
	lost := running[1]
	lost.cut.Store(true)
	committed := o.now()
	revoked, err := o.KeyRevoke(t.Context(), admin, management.KeyStatusChange{KeyID: id})
	must(t, err)
	receipt := o.Receipt(t.Context(), revoked.Position, 2*time.Second)
	if receipt.Complete || receipt.Replicas != 3 || len(receipt.Silent) != 1 {
		t.Fatalf("receipt %+v, want a partial one that names one of 3", receipt)
	}
	silent := receipt.Silent[0]
	if silent.ID != lost.id || silent.Name != "pod-"+lost.id || silent.Address != "127.0.0.1:9001" {
		t.Errorf("silent is %+v, want %s", silent, lost.id)
	}
	if silent.StopsAt.After(committed.Add(ceiling)) {
		t.Errorf("it stops at %v, want a ceiling after the commit, %v, at the latest", silent.StopsAt, committed.Add(ceiling))
	}
	for _, r := range running {
		want := pipeline.ReasonRevoked
		if r == lost {
			want = pipeline.ReasonAllowed // that is why it is named
		}
		if reason := r.check(t.Context(), text); reason != want {
			t.Errorf("%s answers %v after the receipt, want %v", r.id, reason, want)
		}
	}
	o.set(silent.StopsAt)
	if reason := lost.check(t.Context(), text); reason != pipeline.ReasonUnavailable {
		t.Errorf("the replica that was cut off answers %v when it should have stopped", reason)
	}
	// What it is waited for ends with it.
	o.set(silent.StopsAt.Add(time.Hour))
	id, _ = o.key(nil)
	revoked, err = o.KeyRevoke(t.Context(), admin, management.KeyStatusChange{KeyID: id})
	must(t, err)
	if receipt := o.Receipt(t.Context(), revoked.Position, management.MaxWait); !receipt.Complete {
		t.Errorf("receipt %+v, want a complete one: the replica has stopped", receipt)
	}
	lost.cut.Store(false)
	reason := lost.check(t.Context(), text)
	for reason == pipeline.ReasonUnavailable {
		<-lost.caughtUp
		reason = lost.check(t.Context(), text)
	}
	if reason != pipeline.ReasonRevoked {
		t.Errorf("the replica that is back answers %v for the revoked key", reason)
	}
}

// Who waits for a replica that nobody hears of judges its row by another clock
// than the one it was written by. Apart as far as clocks may be, a receipt is
// complete only when the replica has stopped.
func TestClocksThatAreApartCompleteNoReceiptTooEarly(t *testing.T) {
	for name, skew := range map[string]time.Duration{"behind": -store.MaxClockSkew, "ahead": store.MaxClockSkew} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			r := o.start(slowness{skew: skew})
			defer r.stop()
			id, text := o.key(nil)
			if reason := r.check(t.Context(), text); reason != pipeline.ReasonAllowed {
				t.Fatalf("a new key is answered %v", reason)
			}
			r.cut.Store(true)
			revoked, err := o.KeyRevoke(t.Context(), admin, management.KeyStatusChange{KeyID: id})
			must(t, err)
			accepted, silent := 0, 0
			for end := o.now().Add(2 * ceiling); ; o.set(o.now().Add(10 * time.Second)) {
				if o.now().After(end) {
					t.Fatal("the receipt waits for a replica that has stopped long ago")
				}
				receipt := o.Receipt(t.Context(), revoked.Position, 0)
				reason := r.check(t.Context(), text)
				if receipt.Complete {
					if reason != pipeline.ReasonUnavailable {
						t.Errorf("the receipt is complete and the replica answers %v", reason)
					}
					break
				}
				if len(receipt.Silent) != 1 {
					t.Fatalf("receipt %+v, want a partial one that names the replica", receipt)
				}
				silent++
				if reason == pipeline.ReasonAllowed {
					accepted++
				}
			}
			if accepted == 0 || silent < accepted {
				t.Errorf("%d partial receipts, %d acceptances: the test shows nothing", silent, accepted)
			}
		})
	}
}

func TestReplicasTogetherKeepToALimit(t *testing.T) {
	o := newOffice(t)
	_, text := o.key(func(in *management.KeyCreate) {
		in.Limits = []management.LimitInput{{Name: "hour", Limit: 100, Period: "1h"}}
	})
	running := []*replica{o.start(slowness{}), o.start(slowness{}), o.start(slowness{})}
	defer func() {
		for _, r := range running {
			r.stop()
		}
	}()
	sum := 0
	for _, r := range running {
		for known := 0; known != len(running); {
			known = <-r.shares
		}
	}
	for _, r := range running {
		for r.check(t.Context(), text) == pipeline.ReasonAllowed {
			sum++
		}
	}
	if sum != 100 {
		t.Errorf("three replicas admitted %d, want 100", sum)
	}
}
