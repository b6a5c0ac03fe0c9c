package pipeline

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"credence/store/credential"
)

// nearKeys are Keys that name other keys than they have, in turn.
type nearKeys struct {
	*keyring

	named []*Key
	asked int
}

func (k *nearKeys) Near(digests []*credential.Digest, keys []*Key) {
	for i := range digests {
		keys[i] = k.named[k.asked%len(k.named)]
		k.asked++
	}
}

// failures are equal when they say the same.
var failures = cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })

// TestAheadDecidesNothing: the decision is the same with and without it, even
// if it was told of other keys, or of none.
func TestAheadDecidesNothing(t *testing.T) {
	for name, edit := range map[string]func(*world){
		"allowed":         func(*world) {},
		"bearer":          func(w *world) { w.header("authorization", "Bearer "+w.text) },
		"no key":          func(w *world) { w.header("accept", "*/*") },
		"anonymous":       func(w *world) { w.header("accept", "*/*"); w.extend("credence.anonymous", "true") },
		"two keys":        func(w *world) { w.header("x-api-key", w.text, "authorization", "Bearer "+w.text) },
		"malformed key":   func(w *world) { w.header("x-api-key", "crd_live_x") },
		"wrong checksum":  func(w *world) { w.header("x-api-key", w.text[:len(w.text)-1]+"_") },
		"not cached":      func(w *world) { w.uncached() },
		"store is away":   func(w *world) { w.uncached(); w.keys.err = errDown },
		"missing scope":   func(w *world) { w.extend("credence.scopes", "orders:delete") },
		"blacklisted":     func(w *world) { w.blacklist.add("", "203.0.113.0/24") },
		"malformed":       func(w *world) { w.request.Malformed = true },
		"no HTTP":         func(w *world) { w.request.HTTP = false },
		"many limits":     func(w *world) { w.key.Limits = []SubjectLimit{{}, {}, {}} },
		"revoked by then": func(w *world) { w.key.Status = "revoked" },
	} {
		for _, named := range [][]*Key{nil, {nil}, {{}}, {{KeyID: "key_other", Limits: []SubjectLimit{{}, {}, {}}, encoded: "text"}}} {
			t.Run(fmt.Sprint(name, len(named)), func(t *testing.T) {
				plain, ahead := newWorld(t), newWorld(t)
				edit(plain)
				edit(ahead)
				if named != nil {
					ahead.options.Keys = &nearKeys{keyring: ahead.keys, named: named}
				}
				plain.decide(t)
				p := ahead.pipeline(t)
				var b Batch
				b.Add(&ahead.request)
				p.Ahead(&b)
				p.Decide(t.Context(), &ahead.request, &ahead.decision)
				if diff := cmp.Diff(plain.decision, ahead.decision, failures,
					cmpopts.IgnoreFields(Decision{}, "Key", "Client")); diff != "" {
					t.Error(diff)
				}
				if (plain.decision.Key == nil) != (ahead.decision.Key == nil) || plain.decision.Client != ahead.decision.Client ||
					ahead.decision.Key != nil && ahead.decision.Key != ahead.key {
					t.Errorf("decided on %v of %v", ahead.decision.Key, ahead.decision.Client)
				}
			})
		}
	}
}

// TestAheadIsGoodForOneDecision: who changes the request afterwards is decided
// on by what it then says.
func TestAheadIsGoodForOneDecision(t *testing.T) {
	w := newWorld(t)
	p := w.pipeline(t)
	var b Batch
	b.Add(&w.request)
	p.Ahead(&b)
	p.Decide(t.Context(), &w.request, &w.decision)
	if w.decision.Reason != ReasonAllowed {
		t.Error(w.decision.Reason)
	}
	w.header("accept", "*/*")
	p.Decide(t.Context(), &w.request, &w.decision)
	if w.decision.Reason != ReasonMissingKey {
		t.Error(w.decision.Reason)
	}
	w.header("x-api-key", w.text)
	b.Reset()
	b.Add(&w.request)
	p.Ahead(&b)
	w.request.Reset()
	w.request.HTTP, w.request.Peer, w.request.PeerKind = true, customer, PeerIP
	p.Decide(t.Context(), &w.request, &w.decision)
	if w.decision.Reason != ReasonMissingKey {
		t.Error("after a reset: ", w.decision.Reason)
	}
}

// TestABatchHoldsSoMany and no more.
func TestABatchHoldsSoMany(t *testing.T) {
	w := newWorld(t)
	w.options.Keys = &nearKeys{keyring: w.keys, named: []*Key{w.key, nil}}
	p := w.pipeline(t)
	var b Batch
	requests := make([]Request, MostAhead+5)
	for i := range requests {
		requests[i] = w.request
		b.Add(&requests[i])
	}
	p.Ahead(&b)
	if n := len(b.Keys()); n != MostAhead || b.Keys()[0] != w.key || b.Keys()[1] != nil {
		t.Errorf("%d keys: %v", n, b.Keys())
	}
	if b.Reset(); len(b.Keys()) != 0 {
		t.Error("not empty")
	}
}
