package storetest

import (
	"context"
	"time"

	"credence/store"
)

func noticePromises() []promise {
	return []promise{
		{"Notice", "answers ErrNotFound when there is none", func(f *fixture) {
			n := f.sampleNotice("key_1", 0)
			f.insertNotices(n)
			for _, other := range []store.Notice{
				{Kind: store.NoticeLimitExceeded, Subject: n.Subject, Name: n.Name, Start: n.Start},
				{Kind: n.Kind, Subject: "key_2", Name: n.Name, Start: n.Start},
				{Kind: n.Kind, Subject: n.Subject, Start: n.Start},
				{Kind: n.Kind, Subject: n.Subject, Name: n.Name, Start: n.Start.Add(time.Hour)},
			} {
				_, err := f.backend.Notice(f.Context(), other.Kind, other.Subject, other.Name, other.Start)
				f.refused(err, store.ErrNotFound)
			}
		}},
		{"OpenNotices", "answers those of the kind that are open and ended, the earliest first", func(f *fixture) {
			closed, other := f.sampleNotice("closed", -9*time.Hour), f.sampleNotice("other", -9*time.Hour)
			closed.Closed, other.Kind = true, store.NoticeQuotaNear
			f.insertNotices(f.sampleNotice("late", -2*time.Hour), f.sampleNotice("early", -3*time.Hour), f.sampleNotice("lasting", 0), closed, other)
			for limit, want := range map[int][]string{1: {"early"}, 9: {"early", "late"}} {
				got, err := f.backend.OpenNotices(f.Context(), store.NoticeQuotaExhausted, f.clock.now(), limit)
				f.ok(err)
				inOrder(f, names(got, func(n store.Notice) string { return n.Subject }), want...)
			}
		}},
		{"InsertNotice", "stores every field, needs no audit entry, and answers ErrConflict when it is there", func(f *fixture) {
			n := f.sampleNotice("key_1", 0)
			n.Closed = true
			noZeroField(f, n)
			f.insertNotices(n)
			got, err := f.backend.Notice(f.Context(), n.Kind, n.Subject, n.Name, n.Start)
			f.ok(err)
			equal(f, got, n)
			_, err = f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.InsertNotice(ctx, n) })
			f.refused(err, store.ErrConflict)
		}},
		{"CloseNotice", "sets the count and closes, once", func(f *fixture) {
			n := f.sampleNotice("key_1", 0)
			f.insertNotices(n)
			n.Count = 99
			closing := func() error {
				_, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.CloseNotice(ctx, n) })
				return err
			}
			f.ok(closing())
			f.refused(closing(), store.ErrNotFound)
			n.Closed = true
			got, err := f.backend.Notice(f.Context(), n.Kind, n.Subject, n.Name, n.Start)
			f.ok(err)
			equal(f, got, n)
		}},
	}
}

func (f *fixture) sampleNotice(subject string, from time.Duration) store.Notice {
	start := f.clock.now().Add(from)
	return store.Notice{Kind: store.NoticeQuotaExhausted, Subject: subject, Name: "daily", Start: start, End: start.Add(time.Hour), Count: 7}
}

func (f *fixture) insertNotices(all ...store.Notice) {
	f.Helper()
	_, err := f.store.InTx(f.Context(), func(ctx context.Context, tx *store.Tx) error {
		for i := range all {
			if err := tx.InsertNotice(ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	f.ok(err)
}
