package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"credence/management/audit"
	"credence/store"
	"credence/store/seal"
)

// log is what an export is read from: entries of one chain.
type log struct {
	pages

	checkpoints []store.AuditCheckpoint
}

func (l log) AuditHeads(context.Context, store.Page) ([]store.AuditHead, store.Cursor, error) {
	last := l.entries[len(l.entries)-1]
	return []store.AuditHead{{Namespace: last.Namespace, Sequence: last.Sequence, Hash: last.Hash}}, "", nil
}

func (l log) ChainCheckpoints(_ context.Context, _ string, after int64, _ int) ([]store.AuditCheckpoint, error) {
	if after > 0 {
		return nil, nil
	}
	return l.checkpoints, nil
}

// exported is an export of n entries with a checkpoint at the end, and the
// keys that verify it.
func exported(t *testing.T, keyset *seal.Keyset, n int) ([]byte, audit.PublicKeys, store.AuditCheckpoint) {
	t.Helper()
	entries := chain(t, keyset, n)
	c := store.AuditCheckpoint{Number: 1, Namespace: "a", Sequence: int64(n), Kind: store.CheckpointHead, Hash: entries[n-1].Hash, At: start}
	var err error
	c.Signature, err = keyset.Sign(c.Message())
	must(t, err)
	var out bytes.Buffer
	must(t, audit.WriteExport(t.Context(), &out, log{pages{entries: entries, size: store.MaxPage}, []store.AuditCheckpoint{c}}, audit.ExportOptions{
		Open: func(e *store.AuditEntry) (json.RawMessage, error) { return audit.Open(keyset, e) },
	}))
	pem, err := keyset.PublicKeys()
	must(t, err)
	keys, err := audit.ParsePublicKeys(pem)
	must(t, err)
	return out.Bytes(), keys, c
}

func TestAnExportIsVerifiedWithoutDatabaseOrDecryption(t *testing.T) {
	export, keys, c := exported(t, newKeyset(t), 5)
	for _, o := range []audit.VerifyOptions{{}, {Keys: keys}, {Keys: keys, Outside: []store.AuditCheckpoint{c}}} {
		report, err := audit.VerifyExport(t.Context(), iotest.HalfReader(bytes.NewReader(export)), o)
		must(t, err)
		if report.Entries != 5 || report.Chains != 1 {
			t.Errorf("report %+v", report)
		}
	}
}

func TestASignatureOfAnotherDeploymentIsRefused(t *testing.T) {
	export, _, c := exported(t, newKeyset(t), 5)
	_, other, _ := exported(t, newKeyset(t), 1)
	_, err := audit.VerifyExport(t.Context(), bytes.NewReader(export), audit.VerifyOptions{Keys: other})
	broken(t, err, 5, audit.ProblemSignature)
	_, err = audit.VerifyExport(t.Context(), bytes.NewReader(export), audit.VerifyOptions{Keys: other, Outside: []store.AuditCheckpoint{c}})
	broken(t, err, 5, audit.ProblemSignature)
}

// No byte of an export can be changed unseen, but of what it says beside the
// proof: details opened for people.
func TestNoByteOfAnExportCanBeChangedUnseen(t *testing.T) {
	export, keys, c := exported(t, newKeyset(t), 3)
	opened := func(i int) bool {
		begin := bytes.LastIndexByte(export[:i], '\n') + 1
		return bytes.Contains(export[begin:i], []byte(`"details":{`))
	}
	for i := range export {
		if opened(i) {
			continue
		}
		changed := bytes.Clone(export)
		changed[i] ^= 1
		if _, err := audit.VerifyExport(t.Context(), bytes.NewReader(changed), audit.VerifyOptions{Keys: keys, Outside: []store.AuditCheckpoint{c}}); err == nil {
			t.Errorf("byte %d (%q in %q) was changed unseen", i, export[i], around(export, i))
		}
	}
	for _, cut := range []int{0, 1, len(export) / 2, len(export) - 1} {
		if _, err := audit.VerifyExport(t.Context(), bytes.NewReader(export[:cut]), audit.VerifyOptions{Keys: keys}); !errors.Is(err, audit.ErrNotExport) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func around(b []byte, i int) string { return string(b[max(0, i-20):min(len(b), i+20)]) }

func TestWhatAReaderCouldTakeForSomethingElseIsNoExport(t *testing.T) {
	export, _, _ := exported(t, newKeyset(t), 2)
	for what, change := range map[string][2]string{
		"a field twice":       {`"actor":"token:tok_1"`, `"actor":"somebody","actor":"token:tok_1"`},
		"in capitals":         {`"actor":`, `"Actor":`},
		"an unknown field":    {`"actor":`, `"note":"x","actor":`},
		"a space":             {`"actor":`, `"actor": `},
		"an entry and an end": {`{"entry":{`, `{"end":{"chains":1,"entries":2},"entry":{`},
		"two ends":            {`{"end":`, `{"end":{"chains":1,"entries":2}}` + "\n" + `{"end":`},
		"a line of nothing":   {`{"end":`, "{}\n" + `{"end":`},
		"another version":     {`"version":1`, `"version":2`},
		"a chain twice":       {`{"end":`, `{"chain":{"namespace":"a","sequence":1,"entry_hash":"` + strings.Repeat("0", 64) + `"}}` + "\n" + `{"end":`},
	} {
		changed := strings.Replace(string(export), change[0], change[1], 1)
		if _, err := audit.VerifyExport(t.Context(), strings.NewReader(changed), audit.VerifyOptions{}); !errors.Is(err, audit.ErrNotExport) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := audit.VerifyExport(t.Context(), iotest.ErrReader(io.ErrClosedPipe), audit.VerifyOptions{})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader that fails: %v", err)
	}
}

func TestCheckpointsAreReadAsAnchorsHoldThem(t *testing.T) {
	_, _, c := exported(t, newKeyset(t), 2)
	c.Number = 0
	lines := append(audit.CheckpointLine(&c), audit.CheckpointLine(&c)...)
	got, err := audit.ReadCheckpoints(bytes.NewReader(lines))
	must(t, err)
	if len(got) != 2 || string(got[1].Message()) != string(c.Message()) || !bytes.Equal(got[0].Signature, c.Signature) {
		t.Errorf("read %+v", got)
	}
	for _, bad := range []string{"x", `{"entry":{}}`, `{"checkpoint":{"sequence":0,"at":"2026-11-03T12:00:00Z"}}`, string(lines[:20])} {
		if _, err := audit.ReadCheckpoints(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestPublicKeysAreReadAsTheyWereWrittenAndNothingElseIs(t *testing.T) {
	pem, err := newKeyset(t).PublicKeys()
	must(t, err)
	for _, bad := range []string{"", "x", string(pem) + "x", strings.Replace(string(pem), "Credence-Key-Id", "Id", 1), strings.Replace(string(pem), "MC", "MA", 1)} {
		if _, err := audit.ParsePublicKeys([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzVerifyExport(f *testing.F) {
	t := &testing.T{}
	export, keys, c := exported(t, newKeyset(t), 2)
	f.Add(export)
	for line := range bytes.Lines(export) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		_, err := audit.VerifyExport(t.Context(), bytes.NewReader(input), audit.VerifyOptions{Keys: keys, Outside: []store.AuditCheckpoint{c}})
		if err == nil && !bytes.Contains(input, export[:bytes.Index(export, []byte(`"details":`))]) {
			t.Errorf("an export that is none verified: %q", input)
		}
	})
}

// BenchmarkVerifyAMillionEntries verifies an export of 1,000,000 entries from
// a file, as `credence audit verify --file` does.
func BenchmarkVerifyAMillionEntries(b *testing.B) {
	const entries = 1_000_000
	keyset, err := seal.NewKeyset()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "audit.jsonl")
	out, err := os.Create(file)
	if err != nil {
		b.Fatal(err)
	}
	sealed, err := keyset.Seal(make([]byte, 250), []byte("a"))
	if err != nil {
		b.Fatal(err)
	}
	if err := audit.WriteExport(b.Context(), out, endless{entries, sealed}, audit.ExportOptions{}); err != nil {
		b.Fatal(err)
	}
	info, err := out.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		report, err := audit.VerifyExport(b.Context(), out, audit.VerifyOptions{})
		if err != nil || report.Entries != entries {
			b.Fatalf("%+v, %v", report, err)
		}
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}

// endless is a chain that is made as it is read.
type endless struct {
	length int64
	sealed []byte
}

func (e endless) AuditHeads(ctx context.Context, _ store.Page) ([]store.AuditHead, store.Cursor, error) {
	entries, _ := e.AuditEntries(ctx, "a", 0, int(e.length))
	last := entries[len(entries)-1]
	return []store.AuditHead{{Namespace: "a", Sequence: last.Sequence, Hash: last.Hash}}, "", nil
}

func (e endless) ChainCheckpoints(context.Context, string, int64, int) ([]store.AuditCheckpoint, error) {
	return nil, nil
}

var made []store.AuditEntry

func (e endless) AuditEntries(_ context.Context, _ string, after int64, limit int) ([]store.AuditEntry, error) {
	for n := int64(len(made)); n < e.length; n++ {
		entry := store.AuditEntry{
			Namespace: "a", Sequence: n + 1, At: start.Add(time.Duration(n) * time.Second), Actor: "token:tok_01jc8zq8m4x01jc8zq8m4x0123",
			Action: "key.update", Object: "key:key_01jc8zq8m4x01jc8zq8m4x0123", KeyID: "key_01jc8zq8m4x01jc8zq8m4x0123",
			RequestID: "req_01jc8zq8m4x01jc8zq8m4x0123", Details: e.sealed,
		}
		if n > 0 {
			entry.Previous = made[n-1].Hash
		}
		entry.Hash = entry.ChainHash()
		made = append(made, entry)
	}
	return made[after:min(e.length, after+int64(limit))], nil
}
