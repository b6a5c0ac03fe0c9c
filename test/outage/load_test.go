package outage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/stage"
)

// pace is the shortest time between two requests of a client: a steady load
// leaves room for what happens beside it.
const pace = 5 * time.Millisecond

// traffic is what clients and administrators do all the time, whatever becomes
// of the database, and what is right to answer each of them.
type traffic struct {
	*world

	gateway *stage.Gateway
	ctx     context.Context //nolint:containedctx // the lifetime of the clients, not of a call
	stop    context.CancelFunc
	running sync.WaitGroup

	cached, revoked, malformed kind

	mu      sync.Mutex
	written map[string]bool // keys whose making or revocation was acknowledged
	refused map[string]int  // codes of the writes that were not
}

// kind is requests that are always answered the same.
type kind struct {
	name     string
	texts    []string
	status   int
	answered atomic.Int64
}

// newTraffic starts an Envoy before the replicas, and the load.
func newTraffic(w *world, replicas ...*harness.Credence) *traffic {
	w.Helper()
	t := &traffic{world: w, written: map[string]bool{}, refused: map[string]int{}}
	var err error
	t.gateway, err = stage.StartGateway(w.Context(), w.TempDir(), replicas)
	w.must(err)
	w.Cleanup(func() {
		if err := t.gateway.Close(); err != nil {
			w.Error(err)
		}
	})
	id, text := w.key()
	t.cached.name, t.cached.texts, t.cached.status = "a cached key", w.texts(3), http.StatusOK
	t.revoked.name, t.revoked.texts, t.revoked.status = "a revoked key", []string{text}, http.StatusUnauthorized
	t.malformed.name, t.malformed.texts, t.malformed.status = "no key of ours", []string{"crd_live_" + text[len(text)-20:]}, http.StatusUnauthorized
	if receipt := w.revoke(id, "30s"); receipt.State != client.ReceiptComplete {
		w.Fatalf("receipt %+v", receipt)
	}
	for _, r := range replicas { // each holds what the load is about
		p := w.prober(r)
		for _, k := range t.kinds() {
			for _, text := range k.texts {
				w.answers(p, text, k.status)
			}
		}
	}
	t.ctx, t.stop = context.WithCancel(context.WithoutCancel(w.Context()))
	w.Cleanup(t.end)
	for _, k := range t.kinds() {
		for range 2 {
			t.running.Go(func() { t.client(k) })
		}
	}
	t.running.Go(t.administrator)
	return t
}

func (t *traffic) kinds() []*kind { return []*kind{&t.cached, &t.revoked, &t.malformed} }

func (t *traffic) end() {
	t.stop()
	t.running.Wait()
}

// client sends requests of one kind, one after the other.
func (t *traffic) client(k *kind) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: harness.Patience}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
		got, err := t.gateway.Get(t.ctx, c, k.texts[n%len(k.texts)])
		switch {
		case t.ctx.Err() != nil:
			return
		case err != nil || got.Status != k.status:
			t.Errorf("%s was answered %+v, %v; want %d", k.name, got, err, k.status)
			return
		}
		k.answered.Add(1)
	}
}

// administrator makes keys and revokes every second one.
func (t *traffic) administrator() {
	tick := time.NewTicker(4 * pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
		made, err := t.api.KeyCreate(t.ctx, client.KeyCreateInput{Body: client.KeyCreate{Name: "written under load"}})
		if !t.acknowledged(made.Key.KeyID, err) || n%2 == 0 {
			continue
		}
		_, err = t.api.KeyRevoke(t.ctx, client.KeyStatusInput{KeyID: made.Key.KeyID})
		t.acknowledged(made.Key.KeyID+" revoked", err)
	}
}

// acknowledged notes what became of a write; a refusal has to be one that an
// administrator can act on.
func (t *traffic) acknowledged(what string, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.written[what] = true
		return true
	}
	problem, ok := errors.AsType[*client.Error](err)
	switch {
	case t.ctx.Err() != nil:
	case ok && problem.Status == http.StatusServiceUnavailable:
		t.refused[problem.Code]++
	default:
		t.Errorf("a write ended in %v; want 503 while the database is away", err)
	}
	return false
}

// goesOn waits until every kind was answered so often more and writes have
// become more.
func (t *traffic) goesOn(writes func() int) {
	t.Helper()
	before := writes()
	t.flows()
	t.until("the load goes on", func() error {
		if n := writes(); n == before && !t.Failed() {
			return fmt.Errorf("still %d writes of that kind", n)
		}
		return nil
	})
}

// flows waits until every kind was answered so often more.
func (t *traffic) flows() {
	t.Helper()
	wants := map[*kind]int64{}
	for _, k := range t.kinds() {
		wants[k] = k.answered.Load() + 20
	}
	t.until("the load flows", func() error {
		if t.Failed() {
			return nil // the load has told why
		}
		for k, want := range wants {
			if err := atLeast(&k.answered, want); err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
		}
		return nil
	})
}

func (t *traffic) acknowledgedWrites() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.written)
}

func (t *traffic) refusedWrites() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, times := range t.refused {
		n += times
	}
	return n
}

// asks waits until a key that no replica holds is answered so. Whatever else
// it is answered must be 503 with the time to come back, never an invented 401.
func (t *traffic) asks(text string, status int) {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	t.until(fmt.Sprintf("a key that is not cached is answered %d", status), func() error {
		got, err := t.gateway.Get(t.ctx, c, text)
		switch {
		case err != nil:
			return err
		case got.Status == http.StatusServiceUnavailable && got.RetryAfter == "":
			t.Fatal("503 without Retry-After: the answer is not ours")
		case got.Status != http.StatusServiceUnavailable && got.Status != status:
			t.Fatalf("answered %+v, want %d, or 503 meanwhile", got, status)
		}
		if got.Status != status {
			return errors.New(http.StatusText(got.Status))
		}
		return nil
	})
}

// whole ends the load and looks at what it has left: every acknowledged write
// is there, and each key has exactly what belongs to its making and its end.
func (t *traffic) whole() {
	t.Helper()
	t.end()
	n, err := t.gateway.Unanswered(t.Context())
	t.must(err)
	if n != 0 {
		t.Errorf("Envoy has counted %d Checks that no replica answered", n)
	}
	kept := map[string]bool{}
	for _, row := range pgserver.Query(t, t.Owner, "SELECT key_id || CASE status WHEN 'revoked' THEN ' revoked' ELSE '' END FROM credence.api_keys") {
		id, _, _ := strings.Cut(row, " ")
		kept[id], kept[row] = true, true
	}
	for what := range t.written {
		if !kept[what] {
			t.Errorf("%s was acknowledged and is not there", what)
		}
	}
	for problem, query := range map[string]string{
		"a key without its audit entry": `SELECT key_id FROM credence.api_keys k WHERE NOT EXISTS (
			SELECT FROM credence.api_key_audit_log a WHERE a.action = 'key.create' AND a.key_id = k.key_id)`,
		"a revoked key without its audit entry": `SELECT key_id FROM credence.api_keys k WHERE status = 'revoked' AND NOT EXISTS (
			SELECT FROM credence.api_key_audit_log a WHERE a.action = 'key.revoke' AND a.key_id = k.key_id)`,
		"an audit entry of what never happened": `SELECT a.action FROM credence.api_key_audit_log a JOIN credence.api_keys k USING (key_id)
			WHERE a.action = 'key.revoke' AND k.status <> 'revoked'`,
		"a gap in the feed": `SELECT count(*)::text FROM credence.changes HAVING count(*) <> max(revision) - min(revision) + 1`,
		"changes without key entries": `SELECT format('%s %s', changes, entries) FROM
			(SELECT count(*) AS changes FROM credence.changes WHERE kind = 'key') c,
			(SELECT count(*) AS entries FROM credence.api_key_audit_log WHERE action IN ('key.create', 'key.revoke')) a
			WHERE changes <> entries`,
	} {
		if found := pgserver.Query(t, t.Owner, query); len(found) > 0 {
			t.Errorf("%s: %v", problem, found)
		}
	}
	t.Logf("%d writes acknowledged, refused: %v", len(t.written), slices.Sorted(maps.Keys(t.refused)))
}
