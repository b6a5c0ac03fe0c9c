package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"credence/management/audit"
	"credence/store"
	"credence/store/seal"
)

var start = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// chain makes n entries of namespace a as store.InTx would.
func chain(t *testing.T, keyset *seal.Keyset, n int) []store.AuditEntry {
	t.Helper()
	var entries []store.AuditEntry
	var previous [32]byte
	for i := range n {
		e := store.AuditEntry{
			Namespace: "a", Sequence: int64(i + 1), At: start.Add(time.Duration(i) * time.Second), Actor: "token:tok_1",
			Action: "key.update", Object: "key:key_1", KeyID: "key_1", IPAddress: netip.MustParseAddr("192.0.2.1"), RequestID: "req_1",
			Previous: previous,
		}
		plain, err := json.Marshal(map[string]int{"step": i})
		must(t, err)
		e.Details, err = keyset.Seal(plain, store.AuditAssociatedData(e.Namespace, e.Sequence))
		must(t, err)
		e.Hash = e.ChainHash()
		previous = e.Hash
		entries = append(entries, e)
	}
	return entries
}

func newKeyset(t *testing.T) *seal.Keyset {
	t.Helper()
	keyset, err := seal.NewKeyset()
	must(t, err)
	return keyset
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// broken checks that the chain breaks at the entry, by the problem.
func broken(t *testing.T, err error, sequence int64, problem audit.Problem) {
	t.Helper()
	b, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || b.Sequence != sequence || b.Problem != problem || b.Namespace != "a" || b.Detail == "" {
		t.Errorf("got %v, want %s at entry %d", err, problem, sequence)
	}
}

func TestAWholeChainVerifies(t *testing.T) {
	entries := chain(t, newKeyset(t), 5)
	must(t, audit.Verify(entries))
	must(t, audit.Verify(nil))
}

func TestTamperingWithAnyFieldNamesTheEntry(t *testing.T) {
	whole := chain(t, newKeyset(t), 5)
	for field, c := range map[string]struct {
		tamper  func(e *store.AuditEntry)
		problem audit.Problem
	}{
		"namespace": {func(e *store.AuditEntry) { e.Namespace = "b" }, audit.ProblemNamespace},
		"sequence":  {func(e *store.AuditEntry) { e.Sequence++ }, audit.ProblemGap},
		"at":        {func(e *store.AuditEntry) { e.At = e.At.Add(time.Microsecond) }, audit.ProblemHash},
		"actor":     {func(e *store.AuditEntry) { e.Actor = "token:tok_2" }, audit.ProblemHash},
		"action":    {func(e *store.AuditEntry) { e.Action = "key.enable" }, audit.ProblemHash},
		"object":    {func(e *store.AuditEntry) { e.Object = "key:key_2" }, audit.ProblemHash},
		"key id":    {func(e *store.AuditEntry) { e.KeyID = "" }, audit.ProblemHash},
		"address":   {func(e *store.AuditEntry) { e.IPAddress = netip.Addr{} }, audit.ProblemHash},
		"request":   {func(e *store.AuditEntry) { e.RequestID = "req_2" }, audit.ProblemHash},
		"details":   {func(e *store.AuditEntry) { e.Details = slices.Concat(e.Details, []byte{0}) }, audit.ProblemHash},
		"previous":  {func(e *store.AuditEntry) { e.Previous[31] ^= 1 }, audit.ProblemPrevious},
		"hash":      {func(e *store.AuditEntry) { e.Hash[0] ^= 1 }, audit.ProblemHash},
	} {
		for i := 1; i < len(whole); i++ {
			t.Run(fmt.Sprintf("%s of entry %d", field, i+1), func(t *testing.T) {
				entries := slices.Clone(whole)
				c.tamper(&entries[i])
				broken(t, audit.Verify(entries), int64(i+1), c.problem)
			})
		}
	}
}

func TestAForgedEntryWithItsHashMadeAnewBreaksTheNext(t *testing.T) {
	entries := chain(t, newKeyset(t), 5)
	entries[2].Actor = "token:tok_2"
	entries[2].Hash = entries[2].ChainHash()
	broken(t, audit.Verify(entries), 4, audit.ProblemPrevious)
}

func TestRemovedRepeatedAndMovedEntriesAreGaps(t *testing.T) {
	whole := chain(t, newKeyset(t), 5)
	broken(t, audit.Verify(whole[1:]), 1, audit.ProblemGap)
	broken(t, audit.Verify(slices.Delete(slices.Clone(whole), 2, 3)), 3, audit.ProblemGap)
	broken(t, audit.Verify(slices.Insert(slices.Clone(whole), 2, whole[1])), 3, audit.ProblemGap)
	moved := slices.Clone(whole)
	moved[1], moved[2] = moved[2], moved[1]
	broken(t, audit.Verify(moved), 2, audit.ProblemGap)
}

func TestFieldsCannotRunIntoEachOther(t *testing.T) {
	entries := chain(t, newKeyset(t), 2)
	entries[1].Action, entries[1].Object = "key.updatek", "ey:key_1"
	broken(t, audit.Verify(entries), 2, audit.ProblemHash)
}

func TestAChainStandsWhereItStoodAfterABadEntry(t *testing.T) {
	entries := chain(t, newKeyset(t), 3)
	var c audit.Chain
	must(t, c.Next(&entries[0]))
	broken(t, c.Next(&entries[2]), 2, audit.ProblemGap)
	must(t, c.Next(&entries[1]))
	if sequence, hash := c.Head(); sequence != 2 || hash != entries[1].Hash {
		t.Errorf("head at %d", sequence)
	}
}

// pages is a store of entries that answers few at a time.
type pages struct {
	entries []store.AuditEntry
	size    int
	err     error
}

func (p pages) AuditEntries(_ context.Context, _ string, after int64, limit int) ([]store.AuditEntry, error) {
	var out []store.AuditEntry
	for _, e := range p.entries {
		if e.Sequence > after && len(out) < min(limit, p.size) {
			out = append(out, e)
		}
	}
	return out, p.err
}

func TestAStoredChainIsVerifiedOverItsPages(t *testing.T) {
	entries := chain(t, newKeyset(t), 7)
	c, err := audit.VerifyStored(t.Context(), pages{entries: entries, size: 2}, "a")
	must(t, err)
	if sequence, hash := c.Head(); sequence != 7 || hash != entries[6].Hash {
		t.Errorf("head at %d", sequence)
	}
	entries[4].Actor = "nobody"
	_, err = audit.VerifyStored(t.Context(), pages{entries: entries, size: 2}, "a")
	broken(t, err, 5, audit.ProblemHash)
	_, err = audit.VerifyStored(t.Context(), pages{entries: entries, size: 2, err: store.ErrUnavailable}, "a")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestAStoredChainOfAnotherNamespaceIsRefused(t *testing.T) {
	_, err := audit.VerifyStored(t.Context(), pages{entries: chain(t, newKeyset(t), 1), size: 2}, "b")
	b, ok := errors.AsType[*audit.BrokenError](err)
	if !ok || b.Problem != audit.ProblemNamespace || b.Namespace != "b" {
		t.Errorf("got %v", err)
	}
}

func TestDetailsOpenWhereTheyWereSealedAndNowhereElse(t *testing.T) {
	keyset := newKeyset(t)
	entries := chain(t, keyset, 2)
	raw, err := audit.Open(keyset, &entries[1])
	must(t, err)
	if string(raw) != `{"step":1}` {
		t.Errorf("got %s", raw)
	}
	moved := entries[0]
	moved.Details = entries[1].Details
	if _, err := audit.Open(keyset, &moved); err == nil {
		t.Error("details were opened at another entry")
	}
	if _, err := audit.Open(newKeyset(t), &entries[1]); err == nil {
		t.Error("details were opened with another keyset")
	}
	changed := entries[1]
	changed.Details = slices.Clone(changed.Details)
	changed.Details[len(changed.Details)-1] ^= 1
	if _, err := audit.Open(keyset, &changed); err == nil {
		t.Error("changed details were opened")
	}
	raw, err = audit.Open(keyset, &store.AuditEntry{Namespace: "a", Sequence: 1})
	if raw != nil || err != nil {
		t.Errorf("an entry without details gave %s, %v", raw, err)
	}
	noJSON := entries[0]
	noJSON.Details, err = keyset.Seal([]byte("{"), store.AuditAssociatedData("a", 1))
	must(t, err)
	if _, err := audit.Open(keyset, &noJSON); err == nil {
		t.Error("details that are not JSON were answered")
	}
}
