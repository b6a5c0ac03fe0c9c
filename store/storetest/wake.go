package storetest

import (
	"context"
	"errors"

	"credence/store"
)

func wakePromises() []promise {
	return []promise{
		{"Wake", "gives a value after a transaction committed changes", func(f *fixture) {
			one, other := f.backend.Wake(f.Context()), f.backend.Wake(f.Context())
			f.makeChanges(1)
			<-one
			<-other
			head, err := f.backend.Head(f.Context())
			f.ok(err)
			equal(f, head.Revision, 1)
		}},
		{"Wake", "coalesces and never blocks the writer", func(f *fixture) {
			wake := f.backend.Wake(f.Context())
			for range 20 {
				f.makeChanges(1) // nobody receives
			}
			<-wake
			select {
			case <-wake:
				f.Fatal("twenty wake-ups were not made one")
			default:
			}
		}},
		{"Wake", "is silent about what was rolled back or is no change", func(f *fixture) {
			wake := f.backend.Wake(f.Context())
			undo := errors.New("undo")
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return errors.Join(tx.InsertNamespace(ctx, f.sampleNamespace("tenant")), undo)
			}), undo)
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.InsertToken(ctx, f.sampleToken(1)) })
			select {
			case <-wake:
				f.Fatal("woken without a change")
			default:
			}
		}},
		{"Wake", "closes the channel when ctx ends", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			wake := f.backend.Wake(ctx)
			cancel()
			for range wake { // until it is closed
			}
			f.makeChanges(1) // the writer does not meet the closed channel
		}},
	}
}
