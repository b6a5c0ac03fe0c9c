package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"credence/store"
)

func checkpointPromises() []promise {
	return []promise{
		{"AuditCheckpoints", "answers pages of the checkpoints of the chains, in order of number", func(f *fixture) {
			f.checkpointed("tenant", 3, "")
			for _, c := range []struct {
				chains []string
				want   string
			}{
				{nil, "tenant:1 :1 tenant:2 :2 tenant:3 :3"},
				{[]string{""}, ":1 :2 :3"},
				{[]string{"tenant", "nobody"}, "tenant:1 tenant:2 tenant:3"},
			} {
				for _, size := range []int{1, 2, 10} {
					got := walk(f, size, func(p store.Page) ([]store.AuditCheckpoint, store.Cursor, error) {
						return f.backend.AuditCheckpoints(f.Context(), c.chains, p)
					})
					equal(f, placesOf(got), c.want)
				}
			}
		}},
		{"ChainCheckpoints", "answers those of a chain above the number, in order, at most limit", func(f *fixture) {
			f.checkpointed("tenant", 4, "")
			all, err := f.backend.ChainCheckpoints(f.Context(), "tenant", 0, 10)
			f.ok(err)
			equal(f, placesOf(all), "tenant:1 tenant:2 tenant:3 tenant:4")
			some, err := f.backend.ChainCheckpoints(f.Context(), "tenant", all[0].Number, 2)
			f.ok(err)
			equal(f, placesOf(some), "tenant:2 tenant:3")
		}},
		{"NewestCheckpoint", "answers the one of that kind with the highest sequence, ErrNotFound without one", func(f *fixture) {
			f.checkpointed("tenant", 3)
			f.checkpoint("tenant", 2, store.CheckpointRetention)
			head, err := f.backend.NewestCheckpoint(f.Context(), "tenant", store.CheckpointHead)
			f.ok(err)
			cut, err := f.backend.NewestCheckpoint(f.Context(), "tenant", store.CheckpointRetention)
			f.ok(err)
			equal(f, []int64{head.Sequence, cut.Sequence}, []int64{3, 2})
			_, err = f.backend.NewestCheckpoint(f.Context(), "", store.CheckpointHead)
			f.refused(err, store.ErrNotFound)
		}},
		{"CheckpointBefore", "answers the newest head all of whose entries are older, by number where asked", func(f *fixture) {
			begin := f.clock.now()
			f.checkpointed("tenant", 4) // entries and checkpoints a second apart
			for _, c := range []struct {
				before  time.Duration
				through int64
				want    int64
			}{{3 * time.Second, 0, 2}, {time.Hour, 0, 4}, {time.Hour, 3, 3}} {
				got, err := f.backend.CheckpointBefore(f.Context(), "tenant", begin.Add(c.before), c.through)
				f.ok(err)
				equal(f, got.Sequence, c.want)
			}
			_, err := f.backend.CheckpointBefore(f.Context(), "tenant", begin, 0)
			f.refused(err, store.ErrNotFound)
		}},
		{"UncheckedHeads", "answers pages of the ends without a checkpoint of kind head, ordered by namespace", func(f *fixture) {
			f.checkpointed("done", 2)
			f.checkpointed("tenant", 1)
			f.appendEntries(f.nextEntry("tenant"), f.nextEntry(""), f.nextEntry("cut"))
			f.checkpoint("cut", 1, store.CheckpointRetention)
			for _, size := range []int{1, 2, 10} {
				got := walk(f, size, func(p store.Page) ([]store.AuditHead, store.Cursor, error) {
					return f.backend.UncheckedHeads(f.Context(), p)
				})
				inOrder(f, names(got, func(h store.AuditHead) string { return fmt.Sprintf("%s:%d", h.Namespace, h.Sequence) }), ":1", "cut:1", "tenant:2")
			}
		}},
		{"InsertCheckpoint", "stores every field under the next number", func(f *fixture) {
			f.appendEntries(f.nextEntry("tenant"))
			made := f.checkpoint("tenant", 1, store.CheckpointHead)
			got, err := f.backend.NewestCheckpoint(f.Context(), "tenant", store.CheckpointHead)
			f.ok(err)
			made.Number = got.Number
			noZeroField(f, made)
			equal(f, got, made)
			f.ok(f.store.CheckSignature(&got))
		}},
		{"InsertCheckpoint", "answers ErrConflict when there is one of that kind at that place", func(f *fixture) {
			f.checkpointed("tenant", 1)
			_, err := f.store.AddCheckpoint(f.Context(), store.AuditCheckpoint{Namespace: "tenant", Sequence: 1, Kind: store.CheckpointHead})
			f.refused(err, store.ErrConflict)
			f.checkpoint("tenant", 1, store.CheckpointRetention)
		}},
		{"RemoveAudit", "removes the oldest, a batch at a time and none beyond the retention checkpoint", removeAudit},
		{"AuditAnchors", "answers all anchors, ordered by name", func(f *fixture) {
			for _, name := range []string{"file:b", "https://a.example", "file:a"} {
				f.ok(f.store.PutAnchor(f.Context(), store.AuditAnchor{Name: name}))
			}
			found, err := f.backend.AuditAnchors(f.Context())
			f.ok(err)
			inOrder(f, names(found, func(a store.AuditAnchor) string { return a.Name }), "file:a", "file:b", "https://a.example")
		}},
		{"PutAnchor", "puts the new state in place of the old one", func(f *fixture) {
			a := store.AuditAnchor{Name: "file:a", Through: 1, HeldAt: f.clock.now(), TriedAt: f.clock.now(), Failures: 1, Problem: "disk full"}
			noZeroField(f, a)
			f.ok(f.store.PutAnchor(f.Context(), a))
			found, err := f.backend.AuditAnchors(f.Context())
			f.ok(err)
			equal(f, found, []store.AuditAnchor{a})
			a = store.AuditAnchor{Name: "file:a", Through: 2}
			f.ok(f.store.PutAnchor(f.Context(), a))
			found, err = f.backend.AuditAnchors(f.Context())
			f.ok(err)
			equal(f, found, []store.AuditAnchor{a})
		}},
	}
}

// removeAudit cuts a chain twice, in batches, and finds what is newer and
// other chains untouched.
func removeAudit(f *fixture) {
	const first, all = store.RemoveBatch + 10, store.RemoveBatch + 20
	f.grow("tenant", all)
	f.grow("", 1)
	none, err := f.store.RemoveAudit(f.Context(), "tenant")
	f.ok(err)
	equal(f, none, 0)
	f.checkpoint("tenant", first, store.CheckpointRetention)
	for _, want := range []int{store.RemoveBatch, first - store.RemoveBatch, 0} {
		got, err := f.store.RemoveAudit(f.Context(), "tenant")
		f.ok(err)
		equal(f, got, want)
	}
	f.entries("tenant", 0, 2, first+1, first+2)
	f.entries("", 0, 2, 1)
	sequence, _ := f.auditHead("tenant")
	equal(f, sequence, all)
	f.checkpoint("tenant", all, store.CheckpointRetention)
	_, err = f.store.RemoveAudit(f.Context(), "tenant")
	f.ok(err)
	f.entries("tenant", 0, 2)
	next := f.nextEntry("tenant") // the chain goes on where it was
	equal(f, next.Sequence, all+1)
}

// grow appends n entries to a chain in one transaction.
func (f *fixture) grow(namespace string, n int) {
	f.Helper()
	_, err := f.store.InTx(f.Context(), func(_ context.Context, tx *store.Tx) error {
		for range n {
			r := record()
			r.Namespace = namespace
			tx.Audit(r)
		}
		return nil
	})
	f.ok(err)
}

// checkpointed appends n entries to each of the chains, a second apart, with a
// checkpoint at each.
func (f *fixture) checkpointed(namespace string, n int, more ...string) {
	f.Helper()
	for range n {
		f.clock.advance(time.Second)
		for _, namespace := range append([]string{namespace}, more...) {
			e := f.nextEntry(namespace)
			f.appendEntries(e)
			f.checkpoint(namespace, e.Sequence, store.CheckpointHead)
		}
	}
}

// checkpoint signs where a chain stood.
func (f *fixture) checkpoint(namespace string, sequence int64, kind store.CheckpointKind) store.AuditCheckpoint {
	f.Helper()
	e, err := f.backend.AuditEntry(f.Context(), namespace, sequence)
	f.ok(err)
	c, err := f.store.AddCheckpoint(f.Context(), store.AuditCheckpoint{Namespace: namespace, Sequence: sequence, Kind: kind, Hash: e.Hash})
	f.ok(err)
	return c
}

func placesOf(all []store.AuditCheckpoint) string {
	return strings.Join(names(all, func(c store.AuditCheckpoint) string { return fmt.Sprintf("%s:%d", c.Namespace, c.Sequence) }), " ")
}
