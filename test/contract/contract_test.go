package contract

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// elsewhere are the operations that cannot succeed here, each with what would
// have to happen first; that they can is shown by
// management/api.TestEveryOperationThatChangesSomethingLeavesOneEntryOfItsAction.
var elsewhere = map[string]string{
	"GiteaTokenAdopt":   "somebody has widened the token on the server",
	"GiteaTokenCollect": "the token was rotated by its schedule, whose shortest interval is a day",
	"N8NKeyAdopt":       "somebody has widened the key at n8n",
	"N8NKeyCollect":     "the key was rotated by its schedule, whose shortest interval is a day",
}

// Whatever is sent, the answer is one that the document has: see judge.
func TestEveryAnswerIsAsTheDocumentSays(t *testing.T) {
	serve(t, 30).holdsTo(t)
}

func TestEveryAnswerOnPostgreSQLIsAsTheDocumentSays(t *testing.T) {
	deploy(t, 6).holdsTo(t)
}

// holdsTo sends 100 rows of requests, or as many as -rapid.checks says, and
// then right ones for whatever has not succeeded until then.
func (w *world) holdsTo(t *testing.T) {
	t.Helper()
	rapid.Check(t, w.keeps)
	w.furnish("again", func(r *request) { w.keepsOne(t, r) })
	rapid.Check(t, func(rt *rapid.T) {
		for _, op := range w.missing() {
			w.keepsOne(rt, w.request(drawRight(rt, w.document, op)))
		}
	})
	for _, op := range w.missing() {
		t.Errorf("%s has not succeeded once: nothing is known of what it answers then; mend what is drawn for it, or say in elsewhere what it needs", op.id)
	}
	for id := range elsewhere {
		w.operation(id) // is there
	}
	w.keptToItself(t)
	t.Logf("%d requests", w.sent)
}

// missing are the operations that have not succeeded.
func (w *world) missing() []*operation {
	return slices.DeleteFunc(slices.Clone(w.document.operations), func(op *operation) bool {
		return w.reached[op.id] > 0 || elsewhere[op.id] != ""
	})
}

// keeps is the property: a row of requests of any kind, each of which is
// answered as the contract says.
func (w *world) keeps(t *rapid.T) {
	for range w.inARow {
		w.keepsOne(t, w.request(drawRequest(t, w.document)))
	}
}

// failer is a test, or a check of rapid.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func (w *world) keepsOne(t failer, r *request) {
	t.Helper()
	a, err := w.send(r)
	if role, _, _ := strings.Cut(r.caller, " "); err == nil && a.status == http.StatusUnauthorized && reaches[role] != nil {
		w.enlist(t, r.caller) // a request before has revoked its token, or let it end
		a, err = w.send(r)
	}
	if err != nil {
		t.Fatalf("%s\nhas no answer: %v", r, err)
	}
	if wrong := w.judge(r, a); len(wrong) > 0 {
		t.Fatalf("%s\n\n%s\nis answered\n%s", strings.Join(wrong, "\n"), r, a)
	}
}

// keptToItself: after all of that the log of the server tells of no panic and
// no fault, and holds no text that was shown once.
func (w *world) keptToItself(t *testing.T) {
	t.Helper()
	log, err := w.server.Log()
	must(t, err)
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "panic") || strings.Contains(line, "management request failed") && !strings.Contains(line, "code=remote_failed") {
			t.Errorf("in the log: %s", line)
		}
	}
	for _, secret := range append(slices.Clone(w.memory.secrets), w.tokens["root"]) {
		if strings.Contains(string(log), secret) {
			t.Error("the log holds a text that was shown once")
		}
	}
}

// A method that the document does not have for a path is answered with those
// that it has.
func TestOtherMethodsAreRefusedWithThoseThereAre(t *testing.T) {
	w := serve(t, 0)
	for _, op := range w.document.operations {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
			r := w.request(drawn{op: op, caller: "root", path: map[string]any{
				"key_type": "service", "name": "none", "id": "none", "key_id": "none", "token_id": "none", "webhook_id": "none",
				"delivery_id": "none", "report_id": "none", "schedule_id": "none",
			}})
			if r.method = method; w.document.routed(method, r.target) != nil {
				continue
			}
			a, err := w.send(r)
			must(t, err)
			if a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d, want 405", method, r.target, a.status)
			}
			if method != http.MethodHead { // whose answer has no body
				for _, wrong := range w.explains(a) {
					t.Errorf("%s %s: %s", method, r.target, wrong)
				}
			}
			if !strings.Contains(a.header.Get("Allow"), op.method) {
				t.Errorf("%s %s: Allow is %q, which lacks %s", method, r.target, a.header.Get("Allow"), op.method)
			}
		}
	}
}

// FuzzContract is the property for inputs that grow: bytes are draws.
func FuzzContract(f *testing.F) {
	w := serve(f, 3)
	source := rand.NewChaCha8([32]byte{})
	for range 8 {
		var draws []byte
		for range 4096 {
			draws = binary.LittleEndian.AppendUint64(draws, source.Uint64())
		}
		f.Add(draws)
	}
	f.Fuzz(rapid.MakeFuzz(w.keeps))
}
