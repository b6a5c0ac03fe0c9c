package storetest

import (
	"context"

	"credence/store"
)

func n8nSessionPromises() []promise {
	return []promise{
		{"N8NSession", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.N8NSession(f.Context(), connectionID(1))
			f.refused(err, store.ErrNotFound)
		}},
		{"PutN8NSession", "puts the session in place of the one of the connection, which can go", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			for _, want := range []store.N8NSession{
				{ConnectionID: connectionID(1), Version: 3, Session: []byte("first")},
				{ConnectionID: connectionID(1), Version: 4, Session: []byte("second")},
			} {
				f.ok(f.store.PutN8NSession(f.Context(), want))
				got, err := f.backend.N8NSession(f.Context(), connectionID(1))
				f.ok(err)
				equal(f, got, want)
			}
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnection(ctx, connectionID(1), 3) })
			_, err := f.backend.N8NSession(f.Context(), connectionID(1))
			f.refused(err, store.ErrNotFound)
		}},
		{"PutN8NSession", "answers nil for a connection that is gone", func(f *fixture) {
			f.ok(f.store.PutN8NSession(f.Context(), store.N8NSession{ConnectionID: connectionID(1), Session: []byte("x")}))
			_, err := f.backend.N8NSession(f.Context(), connectionID(1))
			f.refused(err, store.ErrNotFound)
		}},
	}
}
