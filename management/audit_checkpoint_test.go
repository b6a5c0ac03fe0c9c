package management_test

import (
	"bytes"
	"database/sql" //nolint:depguard // damages the database past all roles of store
	"strings"
	"testing"

	"credence/management"
	"credence/management/audit"
	"credence/store"
)

func (f *fixture) export(a management.Actor, in management.AuditExport) []byte {
	f.t.Helper()
	write, err := f.AuditExport(f.t.Context(), a, in)
	must(f.t, err)
	var out bytes.Buffer
	must(f.t, write(f.t.Context(), &out))
	return out.Bytes()
}

// damage changes the database as somebody who owns it could.
func (f *fixture) damage(statements ...string) {
	f.t.Helper()
	raw, err := sql.Open("sqlite", "file:"+f.path)
	must(f.t, err)
	defer func() { must(f.t, raw.Close()) }()
	for _, statement := range statements {
		_, err := raw.ExecContext(f.t.Context(), statement)
		must(f.t, err)
	}
}

func TestACheckpointSignsEachChainThatHasGrownAndTellsOfIt(t *testing.T) {
	f := newFixture(t)
	made, err := f.AuditCheckpoint(t.Context(), global, "")
	must(t, err)
	if len(made) != 3 || made[0].Namespace != "" || made[0].Sequence != 1 {
		t.Fatalf("made %+v", made)
	}
	if entry, _ := f.last(""); entry.Action != "audit.checkpoint" || entry.Actor != global.ID || entry.Hash != made[0].Hash {
		t.Errorf("the chain tells %+v", entry)
	}
	n, err := f.AuditCheckpointAll(t.Context())
	must(t, err)
	if n != 0 {
		t.Errorf("%d checkpoints of chains that did not grow", n)
	}
	f.plan("a", "basic")
	n, err = f.AuditCheckpointAll(t.Context())
	must(t, err)
	page, err := f.AuditCheckpointList(t.Context(), onlyA, management.AuditCheckpointList{})
	must(t, err)
	if n != 1 || len(page.Items) != 2 || page.Items[1].Sequence != 2 || page.Items[1].Kind != store.CheckpointHead {
		t.Errorf("%d made, and a sees %+v", n, page.Items)
	}
	refusedBy, err := f.AuditCheckpoint(t.Context(), onlyA, "")
	refused(t, err, management.CodeForbidden)
	if refusedBy != nil {
		t.Error("an actor of one namespace signed")
	}
}

func TestAChainThatDoesNotVerifyGetsNoCheckpoint(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "basic")
	_, err := f.AuditCheckpointAll(t.Context())
	must(t, err)
	f.plan("a", "more")
	f.plan("b", "basic")
	f.damage("DROP TRIGGER api_key_audit_log_is_append_only", "UPDATE api_key_audit_log SET actor = 'nobody' WHERE namespace = 'a' AND sequence = 3")
	n, err := f.AuditCheckpointAll(t.Context())
	e := refused(t, err, management.CodeInternal)
	if n != 1 || !strings.Contains(e.Error(), `chain "a": entry 3: hash`) {
		t.Errorf("%d made, %v", n, &e)
	}
	if !strings.Contains(f.log.String(), "audit chain gets no checkpoint") {
		t.Error("the log says nothing of it")
	}
}

func TestAForgedCheckpointIsNotBuiltUpon(t *testing.T) {
	f := newFixture(t)
	_, err := f.AuditCheckpointAll(t.Context())
	must(t, err)
	f.plan("a", "basic")
	f.damage("DROP TRIGGER audit_checkpoints_are_append_only", "UPDATE audit_checkpoints SET at = at + 1 WHERE namespace = 'a'")
	_, err = f.AuditCheckpointAll(t.Context())
	if e := refused(t, err, management.CodeInternal); !strings.Contains(e.Error(), "signature does not fit") {
		t.Errorf("got %v", &e)
	}
}

func TestAnExportVerifiesIsTheSameEachTimeAndShowsDetailsOnlyWhenAsked(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "basic")
	made, err := f.AuditCheckpoint(t.Context(), global, "")
	must(t, err)
	f.plan("b", "later")
	keys, err := audit.ParsePublicKeys([]byte(must2(f.AuditPublicKeys())))
	must(t, err)
	export := f.export(global, management.AuditExport{})
	if again := f.export(global, management.AuditExport{}); !bytes.Equal(export, again) {
		t.Error("the same log gives another export")
	}
	report, err := audit.VerifyExport(t.Context(), bytes.NewReader(export), audit.VerifyOptions{Keys: keys, Outside: made})
	must(t, err)
	if report.Chains != 3 || report.Entries != 5 || report.Checkpoints != 6 {
		t.Errorf("report %+v", report)
	}
	opened := f.export(global, management.AuditExport{Details: true})
	if bytes.Contains(export, []byte(`"details"`)) || !bytes.Contains(opened, []byte(`"details":{"after"`)) {
		t.Error("details are opened when they should not be, or not when they should")
	}
	_, err = audit.VerifyExport(t.Context(), bytes.NewReader(opened), audit.VerifyOptions{Keys: keys, Outside: made})
	must(t, err)
	// Of one chain only, and held against what was signed of that chain.
	part := f.export(onlyA, management.AuditExport{})
	report, err = audit.VerifyExport(t.Context(), bytes.NewReader(part), audit.VerifyOptions{Keys: keys, Outside: made, Chains: []string{"a"}})
	must(t, err)
	if report.Chains != 1 || report.Entries != 2 {
		t.Errorf("report %+v", report)
	}
	if _, err = audit.VerifyExport(t.Context(), bytes.NewReader(part), audit.VerifyOptions{Keys: keys, Outside: made}); err == nil {
		t.Error("chains that are missing were not missed")
	}
}

func must2(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}
