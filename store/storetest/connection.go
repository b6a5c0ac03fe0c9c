package storetest

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

func connectionPromises() []promise {
	return []promise{
		{"Connection", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.Connection(f.Context(), "con_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"ConnectionNamed", "answers the one of the kind and name, ErrNotFound when there is none", func(f *fixture) {
			c, other := f.sampleConnection(1, ""), f.sampleConnection(2, "")
			other.Name, other.Kind = c.Name, store.ConnectionN8N
			f.insertConnections(c, other)
			for _, want := range []store.Connection{c, other} {
				got, err := f.backend.ConnectionNamed(f.Context(), want.Kind, want.Name)
				f.ok(err)
				equal(f, got, want)
			}
			_, err := f.backend.ConnectionNamed(f.Context(), store.ConnectionGitea, "none")
			f.refused(err, store.ErrNotFound)
		}},
		{"Connections", "answers pages ordered by name, of the kind and the scopes only", func(f *fixture) {
			f.insertNamespaces("tenant")
			n8n := f.sampleConnection(5, "")
			n8n.Kind = store.ConnectionN8N
			f.insertConnections(f.sampleConnection(4, ""), f.sampleConnection(2, "tenant"), f.sampleConnection(1, "default"), f.sampleConnection(3, ""), n8n)
			for _, c := range []struct {
				scopes []string
				want   []string
			}{{nil, []string{"c1", "c2", "c3", "c4"}}, {[]string{""}, []string{"c3", "c4"}}, {[]string{"tenant", "nobody"}, []string{"c2"}}} {
				got := walk(f, 2, func(page store.Page) ([]store.Connection, store.Cursor, error) {
					return f.backend.Connections(f.Context(), store.ConnectionGitea, c.scopes, page)
				})
				inOrder(f, names(got, func(c store.Connection) string { return c.Name }), c.want...)
			}
		}},
		{"InsertConnection", "stores every field", func(f *fixture) {
			f.insertNamespaces("tenant")
			full := f.sampleConnection(1, "tenant")
			noZeroField(f, full)
			noZeroField(f, full.Seen)
			bare := store.Connection{
				ID: connectionID(2), Kind: store.ConnectionN8N, Name: "bare", URL: "https://example.com", Credential: []byte{1},
				State: store.ConnectionActive, StateAt: f.clock.now(), CreatedBy: "system", CreatedAt: f.clock.now(), UpdatedAt: f.clock.now(), Version: 1,
			}
			f.insertConnections(full, bare)
			equal(f, f.storedConnection(1), full)
			equal(f, f.storedConnection(2), bare)
		}},
		{"InsertConnection", "answers ErrConflict when the id is taken, or the name among the kind", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			same := f.sampleConnection(1, "")
			same.Name = "other"
			f.refused(f.tryInsertConnection(same), store.ErrConflict)
			same = f.sampleConnection(2, "")
			same.Name = "c1"
			f.refused(f.tryInsertConnection(same), store.ErrConflict)
		}},
		{"InsertConnection", "answers ErrMissingReference when there is no such namespace", func(f *fixture) {
			f.refused(f.tryInsertConnection(f.sampleConnection(1, "nobody")), store.ErrMissingReference)
		}},
		{"UpdateConnection", "writes only the version that was read and stores the next", connectionUpdate},
		{"UpdateConnection", "leaves what was seen, kind, name, namespace and maker as they are", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			other := f.sampleConnection(1, "default")
			other.Seen, other.CreatedBy, other.CreatedAt = store.ConnectionSeen{}, "somebody", f.clock.now().Add(-time.Hour)
			other.Kind, other.Name = store.ConnectionN8N, "other"
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateConnection(ctx, other) })
			want := f.sampleConnection(1, "")
			want.Version++
			equal(f, f.storedConnection(1), want)
		}},
		{"SetConnectionSeen", "sets what was seen and nothing else", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			want := f.sampleConnection(1, "")
			for _, seen := range []store.ConnectionSeen{{At: f.clock.now(), ServerVersion: "9.9.9"}, {}} {
				f.do(func(ctx context.Context, tx *store.Tx) error { return tx.SetConnectionSeen(ctx, connectionID(1), seen) })
				want.Seen = seen
				equal(f, f.storedConnection(1), want)
			}
		}},
		{"SetConnectionSeen", "answers nil for a connection that is gone", func(f *fixture) {
			f.do(func(ctx context.Context, tx *store.Tx) error {
				return tx.SetConnectionSeen(ctx, connectionID(1), store.ConnectionSeen{At: f.clock.now()})
			})
		}},
		{"DeleteConnection", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteConnection(ctx, connectionID(1), version)
				})
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertConnections(f.sampleConnection(1, ""))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.Connection(f.Context(), connectionID(1))
			f.refused(err, store.ErrNotFound)
		}},
	}
}

func connectionUpdate(f *fixture) {
	c := f.sampleConnection(1, "")
	f.insertConnections(c)
	c.Description, c.URL, c.Account, c.Credential, c.CA, c.ServerName = "other", "https://other.example.com", "bot", []byte("third"), "", ""
	c.Logins, c.Scopes, c.Settings = nil, []string{"all"}, nil
	c.State, c.StateReason, c.StateAt, c.UpdatedAt = store.ConnectionActive, "", f.clock.now(), f.clock.now()
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateConnection(ctx, c) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	c.Version++
	equal(f, f.storedConnection(1), c)
	c.ID = connectionID(2)
	f.refused(f.try(update), store.ErrNotFound)
}

func connectionID(n int) string { return fmt.Sprintf("%s%026d", store.ConnectionIDPrefix, n) }

func (f *fixture) sampleConnection(n int, namespace string) store.Connection {
	now := f.clock.now()
	return store.Connection{
		ID: connectionID(n), Kind: store.ConnectionGitea, Name: fmt.Sprintf("c%d", n), Namespace: namespace, Description: "the forge",
		URL: "https://git.example.com/git", Account: "credence", Credential: []byte("sealed"), CA: "-----BEGIN CERTIFICATE-----\n", ServerName: "git.internal",
		Logins: []string{"alice", "ci-*"}, Scopes: []string{"read:repository", "write:issue"}, Settings: map[string]string{"path": "/x"},
		State: store.ConnectionPaused, StateReason: store.ConnectionRejected, StateAt: now.Add(-time.Minute),
		Seen:      store.ConnectionSeen{At: now.Add(-time.Second), ServerVersion: "1.26.0"},
		CreatedBy: "token:tok_1", CreatedAt: now.Add(-2 * time.Hour), UpdatedAt: now.Add(-time.Hour), Version: 3,
	}
}

func (f *fixture) tryInsertConnection(c store.Connection) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertConnection(ctx, c) })
}

func (f *fixture) insertConnections(all ...store.Connection) {
	f.Helper()
	for _, c := range all {
		f.ok(f.tryInsertConnection(c))
	}
}

func (f *fixture) storedConnection(n int) store.Connection {
	f.Helper()
	c, err := f.backend.Connection(f.Context(), connectionID(n))
	f.ok(err)
	return c
}
