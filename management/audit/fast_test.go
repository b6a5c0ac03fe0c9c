package audit_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"credence/management/audit"
	"credence/store"
)

// same demands that a line that is read fast is read as encoding/json reads it.
func same(t interface {
	Helper()
	Errorf(format string, args ...any)
}, line []byte,
) (fast bool) {
	t.Helper()
	quick, ok := audit.FastLine(line)
	if !ok {
		return false
	}
	slow, err := audit.SlowLine(line)
	if err != nil || quick != slow {
		t.Errorf("%q is read fast as %s, and otherwise as %s (%v)", line, quick, slow, err)
	}
	return true
}

func TestEntriesAsTheyAreWrittenAreReadFast(t *testing.T) {
	var export bytes.Buffer
	if err := audit.WriteExport(t.Context(), &export, endless{3, []byte("sealed")}, audit.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	entries, fast := 0, 0
	for line := range bytes.Lines(export.Bytes()) {
		if bytes.HasPrefix(line, []byte(`{"entry":`)) {
			entries++
		}
		if same(t, line) {
			fast++
		}
	}
	if entries != 3 || fast != entries {
		t.Errorf("%d of %d entries are read fast", fast, entries)
	}
}

// TestNothingIsReadFastThatWouldBeReadOtherwise changes lines a little: what is
// still read fast says the same either way, and is written the same again.
func TestNothingIsReadFastThatWouldBeReadOtherwise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[ -~]{0,12}|[a-z]{0,6}|\\u00e9|é|<&>`)
		e := store.AuditEntry{
			Namespace: word.Draw(t, "namespace"), Sequence: rapid.Int64().Draw(t, "sequence"), At: start, Actor: word.Draw(t, "actor"),
			Action: word.Draw(t, "action"), Object: word.Draw(t, "object"), KeyID: word.Draw(t, "key"), RequestID: word.Draw(t, "request"),
			Details: rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "sealed"),
		}
		line := audit.EntryText(&e)
		fast := same(t, line)
		plain := e.Namespace + e.Actor + e.Action + e.Object + e.KeyID + e.RequestID
		if printable := strings.Trim(plain, " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~") == ""; printable != fast {
			t.Errorf("%q: read fast: %v", line, fast)
		}
		at := rapid.IntRange(0, len(line)-1).Draw(t, "at")
		change := rapid.SampledFrom([]string{"", " ", `"`, "0", "=", "\\", ",", "}", "\n", "A"}).Draw(t, "change")
		same(t, append(append(bytes.Clone(line[:at]), change...), line[at+1:]...))
		same(t, append(append(bytes.Clone(line[:at]), change...), line[at:]...))
	})
}

func FuzzFastLine(f *testing.F) {
	f.Add([]byte(`{"entry":{"namespace":"a","sequence":1,"at":"x","actor":"a","action":"b","object":"c","sealed":"AA==","previous_hash":"","entry_hash":""}}` + "\n"))
	f.Fuzz(func(t *testing.T, line []byte) { same(t, line) })
}
