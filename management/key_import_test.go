package management_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/credential"
)

func sha(text string) string {
	d := credential.DigestOf([]byte(text))
	return hex.EncodeToString(d[:])
}

func importRow(line int, text string) management.KeyImportRow {
	return management.KeyImportRow{Line: line, SHA256: sha(text), KeyCreate: management.KeyCreate{Name: text, Namespace: "a"}}
}

func (f *fixture) imports(a management.Actor, rows ...management.KeyImportRow) management.KeyImported {
	f.t.Helper()
	done, err := f.KeyImport(f.t.Context(), a, management.KeyImport{Keys: rows})
	must(f.t, err)
	if len(done.Lines) != len(rows) {
		f.t.Fatalf("%d lines answered for %d keys", len(done.Lines), len(rows))
	}
	return done
}

func states(done management.KeyImported) string {
	var out []string
	for _, line := range done.Lines {
		out = append(out, string(line.State))
	}
	return strings.Join(out, ",")
}

func TestImportedKeysAreFoundByTextAndByDigestAndAudited(t *testing.T) {
	f := newFixture(t)
	byText := management.KeyImportRow{Line: 7, Text: credential.NewText("legacy-text-1-of-a-caller"), KeyCreate: management.KeyCreate{
		Name: "one", Namespace: "a", Scopes: []string{"orders:read"}, ExpiresIn: "24h",
	}}
	byDigest := importRow(8, "legacy-text-2")
	byDigest.Disabled = true
	done := f.imports(onlyA, byText, byDigest)
	if states(done) != "created,created" || done.Lines[0].Line != 7 || done.Position == (store.Position{}) {
		t.Fatalf("answer is %+v", done)
	}
	for i, text := range []string{"legacy-text-1-of-a-caller", "legacy-text-2"} {
		k, err := f.store.FindKey(t.Context(), f.secrets.Candidates(credential.DigestOf([]byte(text)), nil))
		must(t, err)
		if k.KeyID != done.Lines[i].KeyID || k.ChecksumID != "" || k.Namespace != "a" || k.Version != 1 {
			t.Errorf("found %+v", k.Key)
		}
		if i == 0 && (k.Scopes[0] != "orders:read" || !k.ExpiresAt.Equal(start.Add(24*time.Hour)) || k.Status != store.StatusActive) {
			t.Errorf("first key is %+v", k.Key)
		}
		if i == 1 && k.Status != store.StatusDisabled {
			t.Errorf("second key is %s", k.Status)
		}
	}
	entry, d := f.last("a")
	if entry.Action != "key.import" || entry.KeyID != done.Lines[1].KeyID || d.After["batch"] != done.Batch {
		t.Errorf("audit entry %+v with %v", entry, d)
	}
	if dump := f.dump() + f.log.String() + f.openedDetails(); strings.Contains(dump, "legacy-text-1-of-a-caller") {
		t.Error("the text of an imported key was kept")
	}
}

func TestARepeatedImportChangesNothingAndAnswersTheSameKeys(t *testing.T) {
	f := newFixture(t)
	rows := []management.KeyImportRow{importRow(1, "one"), importRow(2, "two")}
	first := f.imports(global, rows...)
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: first.Lines[1].KeyID})
	must(t, err)
	before := f.dump()
	again := f.imports(global, rows...)
	if states(again) != "present,present" || again.Batch != first.Batch || again.Position != (store.Position{}) {
		t.Errorf("answer is %+v", again)
	}
	if again.Lines[0].KeyID != first.Lines[0].KeyID || again.Lines[1].Status != store.StatusRevoked {
		t.Errorf("lines are %+v", again.Lines)
	}
	if f.dump() != before {
		t.Error("a repeated import changed something")
	}
	if mixed := f.imports(global, importRow(1, "one"), importRow(2, "three")); states(mixed) != "present,created" {
		t.Errorf("an import with a new line: %s", states(mixed))
	}
}

func TestABadLineKeepsNoOtherOut(t *testing.T) {
	f := newFixture(t)
	rows := make([]management.KeyImportRow, 0, 10)
	for i := range 10 {
		rows = append(rows, importRow(i+1, fmt.Sprintf("text %d", i)))
	}
	rows[1].SHA256 = "xyz"
	rows[2].SHA256 = ""
	rows[3].Text = credential.NewText("both")
	rows[4].Plan = "nowhere"
	rows[5].Namespace = "nowhere"
	rows[6].Scopes = []string{"a b"}
	rows[7].SHA256 = rows[0].SHA256
	rows[8].SHA256, rows[8].Text = "", credential.NewText("not a key text")
	done := f.imports(global, rows...)
	if states(done) != "created,failed,failed,failed,failed,failed,failed,failed,failed,created" {
		t.Fatalf("states are %s", states(done))
	}
	for i, field := range map[int]string{1: "sha256", 2: "key_text", 3: "sha256", 4: "plan", 5: "namespace", 6: "scopes[0]", 7: "sha256", 8: "key_text"} {
		line := done.Lines[i]
		if len(line.Fields) != 1 || line.Fields[0].Field != field || line.Fields[0].Remedy == "" || line.KeyID != "" || line.Line != i+1 {
			t.Errorf("line %d is %+v, want a problem of %s", i+1, line, field)
		}
	}
	if keys := table(f.dump(), "api_keys"); len(keys) != 2 {
		t.Errorf("%d keys are stored, want 2", len(keys))
	}
}

func TestADryRunSaysTheSameAndStoresNothing(t *testing.T) {
	f := newFixture(t)
	f.imports(global, importRow(1, "there"))
	bad := importRow(2, "bad")
	bad.Owner = "nobody"
	in := management.KeyImport{DryRun: true, Keys: []management.KeyImportRow{importRow(1, "there"), bad, importRow(3, "new")}}
	before := f.dump()
	dry, err := f.KeyImport(t.Context(), global, in)
	must(t, err)
	if f.dump() != before {
		t.Error("a dry run changed something")
	}
	in.DryRun = false
	wet, err := f.KeyImport(t.Context(), global, in)
	must(t, err)
	if states(dry) != states(wet) || dry.Batch != wet.Batch || dry.Lines[2].KeyID != "" || wet.Lines[2].KeyID == "" {
		t.Errorf("dry run %+v, then %+v", dry, wet)
	}
}

func TestAKeyOfAnotherNamespaceIsNotTakenOverAndNotShown(t *testing.T) {
	f := newFixture(t)
	row := importRow(1, "shared text")
	row.Namespace = "b"
	theirs := f.imports(global, row).Lines[0].KeyID
	before := len(f.entries("b"))

	got := f.imports(onlyA, importRow(1, "shared text")).Lines[0]
	shown := fmt.Sprintf("%+v", got)
	if got.State != management.ImportFailed || strings.Contains(shown, theirs) || strings.Contains(shown, `"b"`) || got.Status != "" {
		t.Errorf("to a token of another namespace: %s", shown)
	}
	entry, d := f.last("b")
	if len(f.entries("b")) != before+1 || entry.Action != "key.import_refused" || entry.Actor != onlyA.ID || fmt.Sprint(d.After["key_ids"]) != "["+theirs+"]" {
		t.Errorf("namespace b has on record %+v with %v", entry, d)
	}
	// A row for a namespace that is not the actor's tells nothing of its keys.
	there, absent := row, importRow(1, "nobody's text")
	absent.Namespace = "b"
	if a, b := f.imports(onlyA, there).Lines[0], f.imports(onlyA, absent).Lines[0]; fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
		t.Errorf("a key that exists: %+v, one that does not: %+v", a, b)
	}
	if got := f.imports(global, importRow(1, "shared text")).Lines[0]; !strings.Contains(fmt.Sprintf("%+v", got), theirs) {
		t.Errorf("a global token is not told which key it is: %+v", got)
	}
}

// An import must not tell which texts are keys of others.
func TestAnImportIsNoWayToFindKeysOfOtherNamespaces(t *testing.T) {
	f := newFixture(t)
	var rows []management.KeyImportRow
	for n := range 5 {
		row := importRow(n+1, fmt.Sprintf("their text %d", n))
		row.Namespace = "b"
		f.imports(global, row)
		rows = append(rows, importRow(n+1, fmt.Sprintf("their text %d", n)))
	}
	rows = append(rows, importRow(6, "nobody's text"))
	before := f.dump()
	dry, err := f.KeyImport(t.Context(), onlyA, management.KeyImport{Keys: rows, DryRun: true})
	must(t, err)
	if got := states(dry); got != "created,created,created,created,created,created" {
		t.Errorf("a dry run tells theirs from nobody's: %s", got)
	}
	if f.dump() != before {
		t.Error("a dry run changed something")
	}
	wet := f.imports(onlyA, slices.Clone(rows)...)
	if got := states(wet); got != "failed,failed,failed,failed,failed,failed" {
		t.Errorf("an import goes on after many keys of others: %s", got)
	}
	if a, b := wet.Lines[4].Fields, wet.Lines[5].Fields; !slices.Equal(a, b) {
		t.Errorf("one of theirs: %+v, nobody's: %+v", a, b)
	}
	if entry, d := f.last("b"); entry.Action != "key.import_refused" || len(d.After["key_ids"].([]any)) != 3 { //nolint:errcheck // it panics, and the test fails
		t.Errorf("namespace b has on record %+v with %v", entry, d)
	}
	if states(f.imports(onlyA, importRow(1, "nobody's text"))) != "created" {
		t.Error("what was refused with theirs was made")
	}
}

// TestWhatWasPurgedIsNotTakenOverAgain: the list that a leaked key came from may
// be imported once more.
func TestWhatWasPurgedIsNotTakenOverAgain(t *testing.T) {
	f := newFixture(t)
	purge := func(text, namespace string) string {
		row := importRow(1, text)
		row.Namespace = namespace
		id := f.imports(global, row).Lines[0].KeyID
		_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: id, Reason: "leaked"})
		must(t, err)
		_, err = f.KeyPurge(t.Context(), global, management.KeyPurge{KeyID: id})
		must(t, err)
		return id
	}
	id := purge("a leaked text of a", "a")
	purge("a leaked text of b", "b")
	for _, dry := range []bool{true, false} {
		done, err := f.KeyImport(t.Context(), onlyA, management.KeyImport{Keys: []management.KeyImportRow{importRow(1, "a leaked text of a")}, DryRun: dry})
		must(t, err)
		got := done.Lines[0]
		if got.State != management.ImportFailed || len(got.Fields) != 1 || got.Fields[0].Field != "sha256" || !strings.Contains(got.Fields[0].Problem, id) {
			t.Errorf("dry run %t: %+v", dry, got)
		}
	}
	elsewhere := importRow(1, "a leaked text of a")
	elsewhere.Namespace = "b"
	if got := f.imports(global, elsewhere).Lines[0]; got.State != management.ImportFailed {
		t.Errorf("into another namespace: %+v", got)
	}
	// Of a purged key of others no more is told than of one that is there.
	if got := f.imports(onlyA, importRow(1, "a leaked text of b")).Lines[0]; got.State != management.ImportFailed ||
		got.Fields[0].Problem != "cannot take over this key" {
		t.Errorf("one of others: %+v", got)
	}
}

func TestOnlyGlobalTokensImportTextsThatCanBeGuessed(t *testing.T) {
	f := newFixture(t)
	short := management.KeyImportRow{Line: 1, Text: credential.NewText("0123456789abcdefghi"), KeyCreate: management.KeyCreate{Name: "n", Namespace: "a"}}
	got := f.imports(onlyA, short).Lines[0]
	if got.State != management.ImportFailed || len(got.Fields) != 1 || got.Fields[0].Field != "key_text" {
		t.Errorf("to a token of the namespace: %+v", got)
	}
	if got := f.imports(global, short).Lines[0]; got.State != management.ImportCreated {
		t.Errorf("to a global token: %+v", got)
	}
}

func TestAnImportIsBounded(t *testing.T) {
	f := newFixture(t)
	_, err := f.KeyImport(t.Context(), global, management.KeyImport{})
	blames(t, err, "keys")
	_, err = f.KeyImport(t.Context(), global, management.KeyImport{Keys: make([]management.KeyImportRow, management.MaxImport+1)})
	blames(t, err, "keys")
}

func TestWhoImportsIsWarnedWhenReplicasMayRefuseSuchKeys(t *testing.T) {
	f := newFixture(t)
	if done := f.imports(global, importRow(1, "x")); len(done.Warnings) != 1 || !strings.Contains(done.Warnings[0], "--accept-foreign-keys") {
		t.Errorf("warnings: %v", done.Warnings)
	}
}
