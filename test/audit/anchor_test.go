package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"credence/management"
	"credence/management/anchor"
	"credence/management/audit"
	"credence/store"
	"credence/store/credential"
)

// office is a control plane over the world, with a file that it tells of
// checkpoints.
type office struct {
	*management.Service

	file string
}

func (w *world) office(t *testing.T, keep time.Duration) office {
	t.Helper()
	o := office{file: filepath.Join(t.TempDir(), "held.jsonl")}
	a, err := anchor.NewFile(o.file)
	must(t, err)
	secrets, err := credential.NewSecrets(rand.Reader)
	must(t, err)
	o.Service, err = management.New(management.Options{
		Store: w.Store, Secrets: secrets, Random: rand.Reader, Now: w.now, Logger: slog.New(slog.DiscardHandler),
		Retention: management.Retention{Audit: keep}, Anchors: []management.Anchor{a},
	})
	must(t, err)
	return o
}

// grow writes as many entries again, without a checkpoint.
func (w *world) grow(t *testing.T) {
	t.Helper()
	for range length {
		for _, namespace := range []string{"", "a", "b"} {
			_, err := w.InTx(t.Context(), func(_ context.Context, tx *store.Tx) error {
				tx.Audit(store.AuditRecord{Namespace: namespace, Actor: "system", Action: "key.update", Object: "key:1"})
				return nil
			})
			must(t, err)
		}
	}
}

// signed has the chains signed and the anchor told.
func (o office) signed(t *testing.T) {
	t.Helper()
	_, err := o.AuditCheckpointAll(t.Context())
	must(t, err)
	_, err = o.AuditAnchorAll(t.Context())
	must(t, err)
}

// held is what the anchor holds.
func (o office) held(t *testing.T) []store.AuditCheckpoint {
	t.Helper()
	content, err := os.ReadFile(o.file)
	must(t, err)
	held, err := audit.ReadCheckpoints(bytes.NewReader(content))
	must(t, err)
	return held
}

// TestWhatAnAnchorHoldsProvesThatTheEndWasCutOff, though whoever did it removed
// every checkpoint from the database and moved the end.
func TestWhatAnAnchorHoldsProvesThatTheEndWasCutOff(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) { //nolint:thelper // it is the test
		o := w.office(t, 0)
		w.fill(t)
		o.signed(t)
		_, err := w.verify(t, o.held(t))
		must(t, err)
		w.exec(t, "DELETE FROM "+log+" WHERE namespace = 'a' AND sequence > 3", "DELETE FROM credence.audit_checkpoints", "DELETE FROM credence.audit_anchors",
			"UPDATE credence.audit_heads SET sequence = 3, entry_hash = (SELECT e.entry_hash FROM "+log+
				" AS e WHERE e.namespace = 'a' AND e.sequence = 3) WHERE namespace = 'a'")
		_, err = w.verify(t, nil)
		must(t, err) // the database alone looks whole
		_, err = w.verify(t, o.held(t))
		named(t, err, "a", 4, audit.ProblemTruncated)
		// What is written from then on does not hide it, even where it was signed.
		w.fill(t)
		_, err = w.verify(t, o.held(t))
		named(t, err, "a", signed, audit.ProblemCheckpoint)
	})
}

// TestRetentionCutsWhatIsOldAndTheRestIsStillProvenByTheAnchor, on both
// databases, and every damage to the rest is named.
func TestRetentionCutsWhatIsOldAndTheRestIsStillProvenByTheAnchor(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) { //nolint:thelper // it is the test
		const day = 24 * time.Hour
		o := w.office(t, day)
		w.fill(t)
		o.signed(t)
		w.at = w.at.Add(2 * day)
		w.grow(t) // 9 to 16 of each chain
		o.signed(t)
		report, err := o.CleanupPass(t.Context(), "audit")
		must(t, err)
		if report.Done != 3*length {
			t.Fatalf("%+v", report)
		}
		o.signed(t) // the anchor learns of the cut
		found, err := w.verify(t, o.held(t))
		must(t, err)
		if found.Cut != 3 || found.Entries != 3*length {
			t.Fatalf("what is left: %+v", found)
		}
		w.exec(t, keep...)
		for _, d := range []damage{
			{"more is removed than was signed", []string{"DELETE FROM " + log + " WHERE namespace = 'a' AND sequence <= 10"}, "a", 1, audit.ProblemGap},
			{"the first that is left is changed", []string{"UPDATE " + log + " SET actor = 'x' WHERE namespace = 'a' AND sequence = 9"}, "a", 9, audit.ProblemHash},
			{"its previous hash is changed", []string{"UPDATE " + log + " SET previous_hash = entry_hash WHERE namespace = 'a' AND sequence = 9"}, "a", 9, audit.ProblemHash},
			{"the retention checkpoint is moved on", []string{
				"UPDATE credence.audit_checkpoints SET sequence = 10 WHERE namespace = 'a' AND kind = 'retention'",
				"DELETE FROM " + log + " WHERE namespace = 'a' AND sequence <= 10",
			}, "a", 10, audit.ProblemSignature},
		} {
			t.Run(d.name, func(t *testing.T) {
				w.exec(t, d.do...)
				_, err := w.verify(t, o.held(t))
				b, ok := errors.AsType[*audit.BrokenError](err)
				if !ok || b.Namespace != d.chain || b.Problem != d.problem {
					t.Errorf("got %v, want %s in %q", err, d.problem, d.chain)
				}
				w.exec(t, restore...)
			})
		}
		_, err = w.verify(t, o.held(t))
		must(t, err)
	})
}
