package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"credence/management/client"
	"credence/test/harness"
)

const (
	pace    = 2 * time.Millisecond // of each user
	answers = 5 * time.Second      // the longest a user waits for an answer
)

// load has users ask every replica, and administrators make and revoke keys.
func (w *world) load(seed uint64) {
	for i, s := range w.seats {
		for j := range 2 {
			w.users.Go(func() { w.user(s, random(seed, uint64(40+10*i+j))) })
		}
	}
	for i := range 4 {
		w.users.Go(func() { w.administrator(random(seed, uint64(80+i))) })
	}
}

func (w *world) user(s *seat, random *rand.Rand) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for !w.Failed() {
		select {
		case <-w.ctx.Done():
			return
		case <-tick.C:
			w.check(s, w.keys.any(random))
		}
	}
}

// check makes one Check and holds the answer against what was known before.
func (w *world) check(s *seat, k *key) {
	t, cut := s.now()
	if t == nil {
		return
	}
	was, address := k.now(), t.process.Check.String()
	ctx, cancel := context.WithTimeout(w.ctx, answers)
	defer cancel()
	began := time.Now()
	got, err := t.prober.Check(ctx, k.text)
	if err != nil {
		w.counts.unanswered.Add(1) // killed, frozen, or the run has ended
		return
	}
	over, outOfStep := was.over(address, began), w.outOfStep(s, cut, began)
	switch {
	case got.Status == http.StatusOK && over:
		w.Errorf("key %s was accepted by %s in a Check that began after its receipt %+v", k.id, address, was.receipt)
	case got.Status == http.StatusOK && outOfStep:
		w.Errorf("key %s was accepted by %s, which has been cut off for %s, its ceiling is %s", k.id, address, began.Sub(cut), ceiling)
	case got.Status == http.StatusUnauthorized && k.now().fate == alive:
		w.Errorf("key %s lives and was answered 401 %s by %s", k.id, got.Reason, address)
	case got.Status == http.StatusTooManyRequests && !k.limited:
		w.Errorf("key %s has no limit and was answered 429 by %s", k.id, address)
	}
	w.count(got.Status)
	if over {
		w.counts.sealed.Add(1)
	}
	if outOfStep {
		w.counts.atCeiling.Add(1)
	}
}

// outOfStep reports whether the replica had not been able to read the feed for
// a ceiling when the Check began, and still could not when it had ended.
func (w *world) outOfStep(s *seat, cut, began time.Time) bool {
	_, still := s.now()
	return !cut.IsZero() && still.Equal(cut) && began.Sub(cut) > ceiling
}

func (w *world) count(status int) {
	switch status {
	case http.StatusOK:
		w.counts.allowed.Add(1)
	case http.StatusUnauthorized:
		w.counts.refused.Add(1)
	case http.StatusTooManyRequests:
		w.counts.limited.Add(1)
	case http.StatusServiceUnavailable:
		w.counts.unavailable.Add(1)
	default:
		w.Errorf("answered %d", status)
	}
}

// administrator makes keys, of which some have a small limit, and revokes most
// of them.
func (w *world) administrator(random *rand.Rand) {
	for w.ctx.Err() == nil && !w.Failed() {
		pause(w.ctx, random, 40*time.Millisecond)
		live := w.living()
		if len(live) < 30 || random.IntN(2) == 0 {
			w.create(random.IntN(4) == 0)
			continue
		}
		w.revoke(live[random.IntN(len(live))], random)
	}
}

func (w *world) living() []*key {
	var live []*key
	for _, k := range w.keys.list() {
		if k.now().fate == alive {
			live = append(live, k)
		}
	}
	return live
}

func (w *world) create(limited bool) {
	in := client.KeyCreate{Name: "chaos"}
	if limited {
		in.Limits = []client.Limit{{Name: "few", Limit: 20, Period: "1s", Burst: 20}}
	}
	made, err := w.api.KeyCreate(w.ctx, client.KeyCreateInput{Body: in})
	if err != nil {
		w.counts.failed.Add(1)
		return // nobody knows its text
	}
	w.counts.made.Add(1)
	w.keys.add(&key{id: made.Key.KeyID, text: made.KeyText.Reveal(), limited: limited})
}

func (w *world) revoke(k *key, random *rand.Rand) {
	k.mu.Lock()
	mine := k.fate == alive
	if mine {
		k.fate = unknown
	}
	k.mu.Unlock()
	if !mine {
		return // the other administrator was quicker
	}
	wait := []string{"200ms", "1s", "5s"}[random.IntN(3)]
	changed, err := w.api.KeyRevoke(w.ctx, client.KeyStatusInput{KeyID: k.id, WaitInput: client.WaitInput{Wait: wait}})
	if err != nil || changed.Receipt == nil {
		w.counts.failed.Add(1)
		return // it may have been revoked all the same
	}
	k.becomes(revoked, *changed.Receipt)
	if changed.Receipt.State == client.ReceiptComplete {
		w.counts.complete.Add(1)
	} else {
		w.counts.partial.Add(1)
	}
}

// until waits for a condition, but not after the run has failed.
func (w *world) until(what string, check func() error) {
	w.Helper()
	w.must(harness.Until(w.ctx, 2*harness.Patience, what, func() error {
		if w.Failed() {
			return nil
		}
		return check()
	}))
}
