package management_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/audit"
	"credence/store"
)

func TestAnchorsAreToldOfEveryCheckpointOnceAndInOrder(t *testing.T) {
	f := newFixture(t)
	well, away := &heldLines{name: "file:/well"}, &heldLines{name: "https://away.example", err: errors.New("connection refused")}
	s := f.retaining(management.Retention{}, away, well)
	sign := func() {
		t.Helper()
		_, err := s.AuditCheckpointAll(t.Context())
		must(t, err)
	}
	sign() // chains a and b
	for range 2 {
		if _, err := s.AuditAnchorAll(t.Context()); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("an anchor that is away: %v", err)
		}
	}
	f.plan("a", "basic")
	sign()
	away.err = nil
	told, err := s.AuditAnchorAll(t.Context())
	must(t, err)
	if told != 4 || len(well.lines) != 3 || strings.Join(well.lines, "\n") != strings.Join(away.lines, "\n") {
		t.Errorf("told %d; one anchor holds %d lines, the other %d", told, len(well.lines), len(away.lines))
	}
	held, err := audit.ReadCheckpoints(strings.NewReader(strings.Join(well.lines, "\n")))
	must(t, err)
	for i := range held {
		must(t, f.store.CheckSignature(&held[i]))
	}
	states, err := s.AuditAnchorList(t.Context(), global)
	must(t, err)
	for _, a := range states {
		if a.Through != 3 || a.Failures != 0 || a.Problem != "" || !a.HeldAt.Equal(start) {
			t.Errorf("state %+v", a)
		}
	}
	_, err = s.AuditAnchorList(t.Context(), onlyA)
	refused(t, err, management.CodeForbidden)
}

func TestAnAnchorThatIsAwayIsShownWithItsProblem(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{}, &heldLines{name: "https://away.example", err: errors.New("connection refused")})
	_, err := s.AuditCheckpointAll(t.Context())
	must(t, err)
	for range 2 {
		if _, err := s.AuditAnchorAll(t.Context()); err == nil {
			t.Error("no error")
		}
	}
	states, err := s.AuditAnchorList(t.Context(), global)
	must(t, err)
	if a := states[0]; a.Through != 0 || a.Failures != 2 || !strings.Contains(a.Problem, "refused") || !a.TriedAt.Equal(start) {
		t.Errorf("state %+v", a)
	}
}

// grown makes a chain of n entries a day apart, each of them signed.
func (f *fixture) grown(s *management.Service, n int) {
	f.t.Helper()
	for range n {
		f.plan("a", fmt.Sprint("p", f.clock().Unix()))
		_, err := s.AuditCheckpointAll(f.t.Context())
		must(f.t, err)
		f.advance(24 * time.Hour)
	}
}

func TestOldEntriesGoUpToACheckpointAndTheRestStaysProven(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{Audit: 3*24*time.Hour + time.Hour})
	f.grown(s, 6) // entries 1 (the namespace) to 7 of chain a; the last was made a day ago
	would := dryRun(t, s, "audit")
	if len(f.entries("a")) != 7 {
		t.Fatal("a dry run removed something")
	}
	did := pass(t, s, "audit")
	// 2 to 4 are 4, 5 and 6 days old; chain b has one entry, which is old, too.
	if would.Done != did.Done || did.Done != 5 || len(would.Items) != 2 || !strings.Contains(would.Items[0].Object, "audit:a:1 to 4") {
		t.Errorf("a dry run says %+v, it did %+v", would, did)
	}
	if again := pass(t, s, "audit"); again.Done != 0 {
		t.Errorf("a second run removes %d more", again.Done)
	}
	rest, err := f.store.AuditEntries(t.Context(), "a", 0, 10)
	must(t, err)
	if len(rest) != 3 || rest[0].Sequence != 5 {
		t.Fatalf("left are %d entries from %d on", len(rest), rest[0].Sequence)
	}
	var export strings.Builder
	must(t, audit.WriteExport(t.Context(), &export, f.store, audit.ExportOptions{}))
	keys, err := f.keyset.PublicKeys()
	must(t, err)
	public, err := audit.ParsePublicKeys(keys)
	must(t, err)
	report, err := audit.VerifyExport(t.Context(), strings.NewReader(export.String()), audit.VerifyOptions{Keys: public})
	must(t, err)
	if report.Cut != 1 || report.Entries != 3 {
		t.Errorf("report %+v", report)
	}
}

func TestNothingGoesThatAnAnchorDoesNotHoldYet(t *testing.T) {
	f := newFixture(t)
	well, away := &heldLines{name: "file:/well"}, &heldLines{name: "https://away.example"}
	s := f.retaining(management.Retention{Audit: 24 * time.Hour}, well, away)
	f.grown(s, 3)
	report, err := s.CleanupPass(t.Context(), "audit")
	if err == nil || report.Done != 0 || !strings.Contains(report.Problem, "anchor") {
		t.Errorf("nobody holds anything: %+v, %v", report, err)
	}
	_, err = s.AuditAnchorAll(t.Context())
	must(t, err)
	away.err = errors.New("connection refused")
	f.grown(s, 3)
	if _, err := s.AuditAnchorAll(t.Context()); err == nil {
		t.Error("no error")
	}
	pass(t, s, "audit")
	rest, err := f.store.AuditEntries(t.Context(), "a", 0, 1)
	must(t, err)
	// The anchor that is away knows of entries up to 4: namespace and 3 plans.
	if rest[0].Sequence != 5 {
		t.Errorf("the chain begins at %d", rest[0].Sequence)
	}
}

func TestAChainThatWasChangedIsNotCut(t *testing.T) {
	f := newFixture(t)
	s := f.retaining(management.Retention{Audit: 24 * time.Hour})
	f.grown(s, 3)
	f.damage("DROP TRIGGER api_key_audit_log_is_append_only", "UPDATE api_key_audit_log SET entry_hash = zeroblob(32) WHERE namespace = 'a' AND sequence = 3")
	report, err := s.CleanupPass(t.Context(), "audit")
	if err == nil || report.Problem == "" {
		t.Errorf("cut without a word: %+v", report)
	}
	found, err := f.store.AuditEntries(t.Context(), "a", 0, 10)
	must(t, err)
	if len(found) != 4 {
		t.Errorf("%d entries are left", len(found))
	}
	if _, err := f.store.NewestCheckpoint(t.Context(), "a", store.CheckpointRetention); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a retention checkpoint was signed: %v", err)
	}
}
