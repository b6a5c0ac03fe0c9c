package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"credence/store"
)

func txPromises() []promise {
	promises := []promise{
		{"InTx", "answers the position of the last change and the zero one without changes", func(f *fixture) {
			at := f.makeChanges(3)
			head, err := f.backend.Head(f.Context())
			f.ok(err)
			equal(f, at, head)
			at, err = f.store.InTx(f.Context(), func(context.Context, *store.Tx) error { return nil })
			f.ok(err)
			equal(f, at, store.Position{})
		}},
		{"InTx", "writes the audit entry with sealed details that open again", txSealedDetails},
		{"InTx", "keeps one chain per namespace and each verifies", func(f *fixture) {
			for i := range 12 {
				_, err := f.store.InTx(f.Context(), func(_ context.Context, tx *store.Tx) error {
					for range 1 + i%2 {
						r := record()
						r.Namespace = []string{"", "tenant", "default"}[i%3]
						tx.Audit(r)
					}
					return nil
				})
				f.ok(err)
			}
			for namespace, want := range map[string]int{"": 6, "tenant": 6, "default": 6} {
				equal(f, len(f.chain(namespace)), want)
			}
		}},
		{"InTx", "records an address without its zone", func(f *fixture) {
			_, err := f.store.InTx(f.Context(), func(_ context.Context, tx *store.Tx) error {
				r := record()
				r.IPAddress = netip.MustParseAddr("fe80::1%eth0")
				tx.Audit(r)
				return nil
			})
			f.ok(err)
			equal(f, f.chain(store.DefaultNamespace)[0].IPAddress, netip.MustParseAddr("fe80::1"))
		}},
		{"InTx", "makes the job exist exactly if it commits", jobByCommit},
		{"InTx", "leaves nothing half written when fn fails", func(f *fixture) {
			f.nothingWritten(func() {
				undo := errors.New("undo")
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
					return errors.Join(f.writeSomething(ctx, tx), undo)
				}), undo)
			})
		}},
		{"InTx", "leaves nothing half written when fn panics", func(f *fixture) {
			f.nothingWritten(func() {
				defer func() { equal(f, recover(), any("fn")) }()
				f.do(func(ctx context.Context, tx *store.Tx) error {
					f.ok(f.writeSomething(ctx, tx))
					panic("fn")
				})
			})
		}},
		{"InTx", "leaves nothing half written when ctx is cancelled", func(f *fixture) {
			f.nothingWritten(func() {
				ctx, cancel := context.WithCancel(f.Context())
				defer cancel()
				_, err := f.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
					tx.Audit(record())
					err := f.writeSomething(ctx, tx)
					cancel()
					return err
				})
				f.refused(err, context.Canceled)
			})
		}},
		{"InTx", "leaves nothing half written when an audit entry cannot be made", func(f *fixture) {
			f.nothingWritten(func() {
				err := f.try(func(ctx context.Context, tx *store.Tx) error {
					r := record()
					r.Details = func() {} // has no JSON
					tx.Audit(r)
					return f.writeSomething(ctx, tx)
				})
				if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
					f.Fatalf("got %v, want an error about the details", err)
				}
			})
		}},
		{"InTx", "gives concurrent transactions gapless revisions and unbroken chains", txConcurrent},
		{"PruneChanges", "of Store needs no audit entry", func(f *fixture) {
			f.makeChanges(3)
			n, err := f.store.PruneChanges(f.Context(), f.clock.now().Add(time.Second))
			f.ok(err)
			equal(f, n, 2)
		}},
		{"RemoveIdempotency", "of Store needs no audit entry", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.InsertIdempotency(ctx, f.sampleIdempotency("alice"))
			})
			n, err := f.store.RemoveIdempotency(f.Context(), f.clock.now().Add(time.Second))
			f.ok(err)
			equal(f, n, 1)
		}},
		{"Reschedule", "needs no audit entry", func(f *fixture) {
			f.ok(f.store.Reschedule(f.Context(), store.Job{Kind: "hello", Args: json.RawMessage(`"again"`)}))
			equal(f, string(f.runUntil("hello")), `"again"`)
		}},
	}
	for _, w := range writes() {
		promises = append(promises,
			promise{w.method, "is rolled back without an audit entry", func(f *fixture) { w.unaudited(f) }},
			promise{w.method, "notes what the data plane must know", func(f *fixture) { w.noted(f) }})
	}
	return promises
}

// writeSomething writes one of everything that a transaction holds.
func (f *fixture) writeSomething(ctx context.Context, tx *store.Tx) error {
	if err := tx.InsertKey(ctx, f.bareKey(1)); err != nil {
		return err
	}
	if err := tx.InsertIdempotency(ctx, f.sampleIdempotency("alice")); err != nil {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: "half", Args: json.RawMessage(`"written"`)})
}

// nothingWritten runs fn, which has to fail inside a transaction that wrote
// something, and looks for traces. The backend has to be of use afterwards.
func (f *fixture) nothingWritten(fn func()) {
	f.Helper()
	fn()
	_, err := f.backend.Key(f.Context(), keyID(1))
	f.refused(err, store.ErrNotFound)
	_, err = f.backend.Idempotency(f.Context(), "alice", "once")
	f.refused(err, store.ErrNotFound)
	head, err := f.backend.Head(f.Context())
	f.ok(err)
	equal(f, head, store.Position{})
	f.entries(store.DefaultNamespace, 0, 10)
	f.enqueue(store.Job{Kind: "half", Args: json.RawMessage(`"whole"`)})
	equal(f, string(f.runUntil("half")), `"whole"`)
	equal(f, f.makeChanges(1).Revision, 1)
}

func txSealedDetails(f *fixture) {
	f.insertKeys(f.bareKey(1))
	r := store.AuditRecord{
		Namespace: "tenant", Actor: "token:tok_1", Action: "key.create", Object: "key:" + keyID(1), KeyID: keyID(1),
		IPAddress: netip.MustParseAddr("203.0.113.9"), RequestID: "req-1", Details: map[string]string{"name": "in confidence"},
	}
	for range 2 {
		_, err := f.store.InTx(f.Context(), func(_ context.Context, tx *store.Tx) error {
			tx.Audit(r)
			return nil
		})
		f.ok(err)
	}
	all := f.chain("tenant")
	equal(f, len(all), 2)
	got := all[1]
	equal(f, store.AuditRecord{
		Namespace: got.Namespace, Actor: got.Actor, Action: got.Action, Object: got.Object, KeyID: got.KeyID,
		IPAddress: got.IPAddress, RequestID: got.RequestID, Details: r.Details,
	}, r)
	equal(f, got.At, f.clock.now())
	if slices.Contains(names(all, func(e store.AuditEntry) string { return string(e.Details) }), `{"name":"in confidence"}`) {
		f.Fatal("details are not sealed")
	}
	plain, err := f.keyset.Open(got.Details, store.AuditAssociatedData("tenant", 2))
	f.ok(err)
	equal(f, string(plain), `{"name":"in confidence"}`)
	if _, err := f.keyset.Open(got.Details, store.AuditAssociatedData("tenant", 1)); err == nil {
		f.Fatal("details open at another place in the chain")
	}
}

func txConcurrent(f *fixture) {
	const writers, each = 6, 5
	var mu sync.Mutex
	var positions []store.Position
	var all errgroup.Group
	for i := range writers {
		all.Go(func() error {
			for j := range each {
				at, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error {
					r := record()
					r.Namespace, r.Details = []string{"", "default"}[j%2], j
					tx.Audit(r)
					return tx.InsertPlan(ctx, f.samplePlan("default", fmt.Sprintf("p%d-%d", i, j)))
				})
				if err != nil {
					return err
				}
				mu.Lock()
				positions = append(positions, at)
				mu.Unlock()
			}
			return nil
		})
	}
	f.ok(all.Wait())
	changes := f.changesAfter(store.Position{}, 1000)
	equal(f, len(changes), writers*each)
	for i, c := range changes {
		equal(f, c.Revision, store.Revision(i+1))
		if !slices.Contains(positions, store.Position{Revision: c.Revision, ID: c.ID}) {
			f.Fatalf("nobody was told of revision %d", c.Revision)
		}
	}
	equal(f, len(f.chain(""))+len(f.chain("default")), writers*each)
}
