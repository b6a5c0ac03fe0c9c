package storetest

import (
	"context"
	"fmt"
	"net/netip"

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
