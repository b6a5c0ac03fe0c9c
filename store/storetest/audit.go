package storetest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"credence/store"
)

func auditPromises() []promise {
	return []promise{
		{"AuditEntries", "answers one namespace after the sequence, in order, at most limit", func(f *fixture) {
			for range 5 {
				f.appendEntries(f.nextEntry("tenant"))
				f.appendEntries(f.nextEntry(""))
			}
			f.entries("tenant", 0, 10, 1, 2, 3, 4, 5)
			f.entries("tenant", 2, 2, 3, 4)
			f.entries("", 4, 10, 5)
			f.entries("nobody", 0, 10)
		}},
		{"AuditEntry", "answers the entry of that place, ErrNotFound when there is none", func(f *fixture) {
			first := f.nextEntry("tenant")
			f.appendEntries(first)
			second := f.nextEntry("tenant")
			f.appendEntries(second, f.nextEntry(""))
			got, err := f.backend.AuditEntry(f.Context(), "tenant", 2)
			f.ok(err)
			equal(f, got, second)
			got, err = f.backend.AuditEntry(f.Context(), "", 1)
			f.ok(err)
			equal(f, got.Namespace, "")
			for _, place := range []store.AuditHead{{Namespace: "tenant", Sequence: 3}, {Namespace: "tenant"}, {Namespace: "nobody", Sequence: 1}} {
				_, err := f.backend.AuditEntry(f.Context(), place.Namespace, place.Sequence)
				f.refused(err, store.ErrNotFound)
			}
		}},
		{"AuditLog", "answers what fits all of the filter, newest first, each once also while others are written", auditLog},
		{"AuditCounts", "answers how many entries fit the filter, by action, the most first", func(f *fixture) {
			for i, action := range []string{"key.create", "plan.create", "key.create", "key.revoke", "plan.create", "key.create"} {
				e := f.nextEntry("tenant")
				e.Action, e.At = action, f.clock.now().Add(time.Duration(i)*time.Hour)
				f.appendEntries(e)
			}
			other := f.nextEntry("")
			other.Action = "key.revoke"
			f.appendEntries(other)
			for _, c := range []struct {
				of    store.AuditFilter
				limit int
				want  []store.AuditCount
			}{
				{store.AuditFilter{}, 10, []store.AuditCount{{Action: "key.create", Entries: 3}, {Action: "key.revoke", Entries: 2}, {Action: "plan.create", Entries: 2}}},
				{store.AuditFilter{}, 1, []store.AuditCount{{Action: "key.create", Entries: 3}}},
				{store.AuditFilter{Chains: []string{""}}, 10, []store.AuditCount{{Action: "key.revoke", Entries: 1}}},
				{store.AuditFilter{Chains: []string{"tenant"}, Since: f.clock.now().Add(time.Hour), Until: f.clock.now().Add(3 * time.Hour)}, 10, []store.AuditCount{
					{Action: "key.create", Entries: 1}, {Action: "plan.create", Entries: 1},
				}},
				{store.AuditFilter{Chains: []string{"nobody"}}, 10, nil},
			} {
				got, err := f.backend.AuditCounts(f.Context(), c.of, c.limit)
				f.ok(err)
				equal(f, got, c.want)
			}
		}},
		{"AuditHeads", "answers where the chains end, ordered by namespace", func(f *fixture) {
			for _, namespace := range []string{"tenant", "", "a", "tenant"} {
				f.appendEntries(f.nextEntry(namespace))
			}
			for _, size := range []int{1, 2, 10} {
				got := walk(f, size, func(p store.Page) ([]store.AuditHead, store.Cursor, error) {
					return f.backend.AuditHeads(f.Context(), p)
				})
				var want []store.AuditHead
				for _, namespace := range []string{"", "a", "tenant"} {
					sequence, hash := f.auditHead(namespace)
					want = append(want, store.AuditHead{Namespace: namespace, Sequence: sequence, Hash: hash})
				}
				equal(f, got, want)
			}
		}},
		{"AppendAudit", "stores every field", func(f *fixture) {
			f.insertKeys(f.bareKey(1)) // its own entry is the first of the chain
			e := f.nextEntry(store.DefaultNamespace)
			e.KeyID, e.IPAddress, e.RequestID, e.Details = keyID(1), netip.MustParseAddr("2001:db8::7"), "req-1", []byte{0, 1, 2}
			e.Hash = e.ChainHash()
			noZeroField(f, e)
			bare := store.AuditEntry{Sequence: 1, At: f.clock.now(), Action: "system.start"}
			f.appendEntries(e, bare)
			equal(f, f.entries(store.DefaultNamespace, 1, 10, 2)[0], e)
			equal(f, f.entries("", 0, 10, 1)[0], bare)
		}},
		{"AppendAudit", "writes several entries of several chains in their order", func(f *fixture) {
			first, other := f.nextEntry("tenant"), f.nextEntry("")
			second := first
			second.Sequence, second.Previous = first.Sequence+1, first.Hash
			second.Hash = second.ChainHash()
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.AppendAudit(ctx, first, other, second)
			}))
			equal(f, len(f.chain("tenant")), 2)
			equal(f, len(f.chain("")), 1)
			sequence, hash := f.auditHead("tenant")
			equal(f, sequence, second.Sequence)
			equal(f, hash, second.Hash)
		}},
		{"AppendAudit", "answers ErrConflict when the sequence exists", func(f *fixture) {
			e := f.nextEntry("tenant")
			f.appendEntries(e)
			e.Action = "key.forge"
			f.refused(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.AppendAudit(ctx, e)
			}), store.ErrConflict)
			equal(f, f.entries("tenant", 0, 10, 1)[0].Action, "key.create")
		}},
		{"AuditHead", "answers zeros for a new chain, then the last sequence and hash", func(f *fixture) {
			var want [32]byte
			for sequence := range int64(3) {
				got, hash := f.auditHead("tenant")
				equal(f, got, sequence)
				equal(f, hash, want)
				e := f.nextEntry("tenant")
				f.appendEntries(e)
				want = e.Hash
			}
			got, _ := f.auditHead("")
			equal(f, got, 0)
		}},
		{"AuditHead", "locks the chain until the transaction ends", func(f *fixture) {
			const writers, each = 6, 5
			errs := make(chan error, writers)
			for range writers {
				go func() {
					for range each {
						if err := f.try(func(context.Context, *store.Tx) error { return nil }); err != nil {
							errs <- err
							return
						}
					}
					errs <- nil
				}()
			}
			for range writers {
				f.ok(<-errs)
			}
			equal(f, len(f.chain(store.DefaultNamespace)), writers*each)
		}},
	}
}

// auditLog writes entries that differ in every field a filter knows, and asks
// for each of them, and for all while more are written.
func auditLog(f *fixture) {
	f.insertKeys(f.bareKey(1)) // sequence 1 of the chain default
	begin := f.clock.now()
	for i := range 6 {
		f.clock.advance(time.Second)
		e := f.nextEntry([]string{"", "tenant", store.DefaultNamespace}[i%3])
		e.Actor, e.Action, e.Object = fmt.Sprintf("token:tok_%d", i), []string{"key.create", "key.revoke"}[i%2], fmt.Sprintf("key:%d", i)
		if i == 3 {
			e.KeyID = keyID(1)
		}
		e.Hash = e.ChainHash()
		f.appendEntries(e)
	}
	for _, c := range []struct {
		of   store.AuditFilter
		want []string
	}{
		{store.AuditFilter{}, []string{"default:3", "tenant:2", ":2", "default:2", "tenant:1", ":1", "default:1"}},
		{store.AuditFilter{Chains: []string{""}}, []string{":2", ":1"}},
		{store.AuditFilter{Chains: []string{"tenant", "default"}}, []string{"default:3", "tenant:2", "default:2", "tenant:1", "default:1"}},
		{store.AuditFilter{KeyID: keyID(1)}, []string{":2"}},
		{store.AuditFilter{Actor: "token:tok_4"}, []string{"tenant:2"}},
		{store.AuditFilter{Action: "key.revoke"}, []string{"default:3", ":2", "tenant:1"}},
		{store.AuditFilter{Object: "key:0"}, []string{":1"}},
		{store.AuditFilter{Since: begin.Add(5 * time.Second)}, []string{"default:3", "tenant:2"}},
		{store.AuditFilter{Until: begin.Add(2 * time.Second)}, []string{":1", "default:1"}},
		{store.AuditFilter{Action: "key.create", Chains: []string{"tenant"}, Since: begin, Until: begin.Add(time.Hour)}, []string{"tenant:2"}},
		{store.AuditFilter{Actor: "nobody"}, nil},
	} {
		for _, size := range []int{1, 3, 100} {
			got := walk(f, size, func(p store.Page) ([]store.AuditEntry, store.Cursor, error) {
				f.appendEntries(f.nextEntry("meanwhile")) // after the first page has begun, it is seen by none
				found, next, err := f.backend.AuditLog(f.Context(), c.of, p)
				return found, next, err
			})
			got = slices.DeleteFunc(got, func(e store.AuditEntry) bool { return e.Namespace == "meanwhile" })
			inOrder(f, names(got, func(e store.AuditEntry) string { return fmt.Sprintf("%s:%d", e.Namespace, e.Sequence) }), c.want...)
		}
	}
	found, _, err := f.backend.AuditLog(f.Context(), store.AuditFilter{KeyID: keyID(1)}, store.Page{After: "no cursor"})
	f.ok(err)
	equal(f, len(found), 1)
}

func (f *fixture) auditHead(namespace string) (sequence int64, hash [32]byte) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) (err error) {
		sequence, hash, err = w.AuditHead(ctx, namespace)
		return err
	}))
	return sequence, hash
}

// nextEntry is the entry that comes next in the chain.
func (f *fixture) nextEntry(namespace string) store.AuditEntry {
	f.Helper()
	sequence, previous := f.auditHead(namespace)
	e := store.AuditEntry{
		Namespace: namespace, Sequence: sequence + 1, At: f.clock.now(), Actor: "token:tok_1", Action: "key.create",
		Object: "key:" + keyID(1), Previous: previous,
	}
	e.Hash = e.ChainHash()
	return e
}

func (f *fixture) appendEntries(all ...store.AuditEntry) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		for _, e := range all {
			if err := w.AppendAudit(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}))
}

// entries reads a part of a chain and wants these sequences.
func (f *fixture) entries(namespace string, after int64, limit int, want ...int64) []store.AuditEntry {
	f.Helper()
	found, err := f.backend.AuditEntries(f.Context(), namespace, after, limit)
	f.ok(err)
	text := func(n int64) string { return fmt.Sprint(n) }
	inOrder(f, names(found, func(e store.AuditEntry) string { return text(e.Sequence) }), names(want, text)...)
	return found
}

// chain reads a whole chain and verifies it.
func (f *fixture) chain(namespace string) []store.AuditEntry {
	f.Helper()
	all, err := f.backend.AuditEntries(f.Context(), namespace, 0, 10_000)
	f.ok(err)
	var previous [32]byte
	for i, e := range all {
		switch {
		case e.Namespace != namespace || e.Sequence != int64(i+1):
			f.Fatalf("entry %d of %q is entry %d of %q", i+1, namespace, e.Sequence, e.Namespace)
		case e.Previous != previous:
			f.Fatalf("entry %d of %q does not follow the one before", e.Sequence, namespace)
		case e.Hash != e.ChainHash():
			f.Fatalf("entry %d of %q has not the hash of its fields", e.Sequence, namespace)
		}
		previous = e.Hash
	}
	return all
}
