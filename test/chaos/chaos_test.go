package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"credence/management/client"
)

func TestUnderChaosPostgreSQLAloneKeepsEveryPromise(t *testing.T) { chaos(t, false) }

func TestUnderChaosPostgreSQLAndRedisKeepEveryPromise(t *testing.T) { chaos(t, true) }

func chaos(t *testing.T, redis bool) {
	t.Helper()
	drawn := *seed
	if drawn == 0 {
		drawn = rand.Uint64()
	}
	t.Logf("again with: -chaos.seed %d -chaos.duration %s", drawn, *duration)
	w := newWorld(t, redis)
	for n := range 20 {
		w.create(n%4 == 0)
	}
	if len(w.keys.list()) != 20 {
		t.Fatal("keys cannot be made although nothing is in the way")
	}
	w.load(drawn)
	w.troubles(drawn)
	over, cancel := context.WithTimeout(w.ctx, *duration)
	defer cancel()
	for !w.Failed() && over.Err() == nil {
		pause(over, random(drawn, 1), quiet)
	}
	w.still()
	w.unrest.Wait()
	if !w.Failed() { // or what was found drowns
		w.converge()
	}
	w.finish()
	c := &w.counts
	t.Logf("%d troubles; Checks: %d allowed, %d refused, %d limited, %d unavailable, %d unanswered; keys: %d made, receipts: %d complete, %d partial; %d writes failed; %d Checks after a receipt, %d after a ceiling",
		c.troubles.Load(), c.allowed.Load(), c.refused.Load(), c.limited.Load(), c.unavailable.Load(), c.unanswered.Load(),
		c.made.Load(), c.complete.Load(), c.partial.Load(), c.failed.Load(), c.sealed.Load(), c.atCeiling.Load())
	if !t.Failed() && (c.allowed.Load() == 0 || c.refused.Load() == 0 || c.sealed.Load() == 0 || c.troubles.Load() == 0) {
		t.Error("the run has met too little to prove anything")
	}
}

// converge waits until everything is as it should be, by itself.
func (w *world) converge() {
	w.Helper()
	w.until("a revocation is complete or names only replicas that were killed", func() error {
		w.create(false)
		all := w.keys.list()
		k := all[len(all)-1]
		if k.now().fate != alive {
			return fmt.Errorf("no key could be made")
		}
		w.revoke(k, random(0, 2))
		return w.namesOnlyTheDead(k.now())
	})
	for _, k := range w.keys.list() {
		status := w.truth(k)
		for i, s := range w.seats {
			w.until(fmt.Sprintf("replica %d answers key %s with %d", i, k.id, status), func() error {
				t, _ := s.now()
				got, err := t.prober.Check(w.ctx, k.text)
				if err == nil && got.Status != status && (got.Status != http.StatusTooManyRequests || !k.limited || status != http.StatusOK) {
					err = fmt.Errorf("answered %d %s", got.Status, got.Reason)
				}
				return err
			})
		}
	}
}

// namesOnlyTheDead is nil when every process that runs has confirmed.
func (w *world) namesOnlyTheDead(k known) error {
	if k.fate != revoked || k.receipt.Problem != "" {
		return fmt.Errorf("no receipt: %s", k.receipt.Problem)
	}
	for _, silent := range k.receipt.Silent {
		for _, s := range w.seats {
			if t, _ := s.now(); t.process.Check.String() == silent.Address {
				return fmt.Errorf("%s runs and is silent", silent.Address)
			}
		}
	}
	return nil
}

// truth is how a key has to be answered; the control plane knows.
func (w *world) truth(k *key) (status int) {
	w.Helper()
	w.until("the control plane knows key "+k.id, func() error {
		shown, err := w.api.KeyShow(w.ctx, client.KeyShowInput{KeyID: k.id})
		status = http.StatusOK
		if shown.Status == "revoked" {
			status = http.StatusUnauthorized
		}
		return err
	})
	if known := k.now().fate; known == alive && status != http.StatusOK || known == revoked && status == http.StatusOK {
		w.Errorf("key %s is answered %d by the control plane, and its fate is %d", k.id, status, known)
	}
	return status
}
