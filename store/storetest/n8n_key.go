package storetest

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

func n8nKeyPromises() []promise {
	return []promise{
		{"N8NKey", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.N8NKey(f.Context(), "n8k_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"N8NKeys", "answers only keys that meet every condition of the filter", n8nKeyFilters},
		{"N8NKeys", "answers pages ordered by id", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertN8NKeys(f.sampleN8NKey(3), f.sampleN8NKey(1), f.sampleN8NKey(2))
			got := walk(f, 2, func(page store.Page) ([]store.N8NKey, store.Cursor, error) {
				return f.backend.N8NKeys(f.Context(), store.N8NKeyFilter{}, page)
			})
			inOrder(f, names(got, func(t store.N8NKey) string { return t.ID }), n8nKeyID(1), n8nKeyID(2), n8nKeyID(3))
		}},
		{"InsertN8NKey", "stores every field", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			full := f.sampleN8NKey(1)
			noZeroField(f, full)
			noZeroField(f, full.Seen)
			intent := store.N8NKey{
				ID: n8nKeyID(2), ConnectionID: connectionID(1), Label: "ci-2", Login: "bob", State: store.N8NKeyMaking,
				StateAt: f.clock.now(), CreatedBy: "system", CreatedAt: f.clock.now(), UpdatedAt: f.clock.now(), Version: 1,
			}
			other := intent
			other.ID = n8nKeyID(3)
			f.insertN8NKeys(full, intent, other) // none of the two has an id on the server yet
			equal(f, f.storedN8NKey(1), full)
			equal(f, f.storedN8NKey(2), intent)
		}},
		{"InsertN8NKey", "answers ErrConflict when the id is taken, or the one on the server of the connection", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			f.insertN8NKeys(f.sampleN8NKey(1))
			same := f.sampleN8NKey(1)
			same.N8NKeyID = "other"
			f.refused(f.tryInsertN8NKey(same), store.ErrConflict)
			same = f.sampleN8NKey(2)
			same.N8NKeyID = f.sampleN8NKey(1).N8NKeyID
			f.refused(f.tryInsertN8NKey(same), store.ErrConflict)
			same.ConnectionID = connectionID(2)
			f.ok(f.tryInsertN8NKey(same))
		}},
		{"InsertN8NKey", "answers ErrMissingReference when there is no such connection", func(f *fixture) {
			f.refused(f.tryInsertN8NKey(f.sampleN8NKey(1)), store.ErrMissingReference)
		}},
		{"UpdateN8NKey", "writes only the version that was read and stores the next", n8nKeyUpdate},
		{"UpdateN8NKey", "leaves what was seen, connection, namespace, name and maker as they are", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertN8NKeys(f.sampleN8NKey(1))
			other := f.sampleN8NKey(1)
			other.Seen, other.ConnectionID, other.Namespace, other.Label = store.N8NKeySeen{}, "con_x", "other", "other"
			other.CreatedBy, other.CreatedAt = "somebody", f.clock.now()
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateN8NKey(ctx, other) })
			want := f.sampleN8NKey(1)
			want.Version++
			equal(f, f.storedN8NKey(1), want)
		}},
		{"SetN8NKeyListed", "sets what a listing says and nothing else, never of an older one", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertN8NKeys(f.sampleN8NKey(1))
			want := f.sampleN8NKey(1)
			now := f.clock.now()
			listed := func(seen store.N8NKeySeen) {
				f.Helper()
				f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.SetN8NKeyListed(ctx, want.ID, seen) }))
			}
			listed(store.N8NKeySeen{ListedAt: now, ServerScopes: []string{"all"}, Outcome: "invalid", VerifiedAt: now})
			want.Seen.ListedAt, want.Seen.ServerScopes, want.Seen.LastUsedAt = now, []string{"all"}, time.Time{}
			equal(f, f.storedN8NKey(1), want)
			listed(store.N8NKeySeen{ListedAt: now.Add(-time.Microsecond), ServerScopes: []string{"older"}, LastUsedAt: now})
			equal(f, f.storedN8NKey(1), want)
		}},
		{"SetN8NKeyListed", "answers nil for a key that is gone", func(f *fixture) {
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.SetN8NKeyListed(ctx, n8nKeyID(1), store.N8NKeySeen{ListedAt: f.clock.now()})
			}))
		}},
		{"SetN8NKeyVerified", "sets what came of trying the secret out and nothing else", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertN8NKeys(f.sampleN8NKey(1))
			want := f.sampleN8NKey(1)
			now := f.clock.now()
			seen := store.N8NKeySeen{VerifiedAt: now, Outcome: "invalid", ListedAt: now, ServerScopes: []string{"other"}}
			equal(f, f.verifyN8NKey(1, want.SecretAt, seen), true)
			want.Seen.VerifiedAt, want.Seen.Outcome = now, "invalid"
			equal(f, f.storedN8NKey(1), want)
		}},
		{"SetN8NKeyVerified", "changes nothing of another secret, of a later verification and of a key that is gone", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			bare := f.sampleN8NKey(2)
			bare.Secret, bare.SecretAt, bare.Seen = nil, time.Time{}, store.N8NKeySeen{}
			f.insertN8NKeys(f.sampleN8NKey(1), bare)
			want := f.sampleN8NKey(1)
			seen := store.N8NKeySeen{VerifiedAt: f.clock.now(), Outcome: "invalid"}
			equal(f, f.verifyN8NKey(1, want.SecretAt.Add(time.Microsecond), seen), false)
			equal(f, f.verifyN8NKey(1, time.Time{}, seen), false)
			equal(f, f.verifyN8NKey(2, want.SecretAt, seen), false)
			equal(f, f.verifyN8NKey(3, want.SecretAt, seen), false)
			seen.VerifiedAt = want.Seen.VerifiedAt.Add(-time.Microsecond)
			equal(f, f.verifyN8NKey(1, want.SecretAt, seen), false)
			equal(f, f.storedN8NKey(1), want)
			equal(f, f.storedN8NKey(2), bare)
		}},
		{"DeleteN8NKey", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteN8NKey(ctx, n8nKeyID(1), version)
				})
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertN8NKeys(f.sampleN8NKey(1))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.N8NKey(f.Context(), n8nKeyID(1))
			f.refused(err, store.ErrNotFound)
		}},
		{"DeleteN8NKeys", "deletes all of the connection, which can go then", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			other := f.sampleN8NKey(3)
			other.ConnectionID = connectionID(2)
			f.insertN8NKeys(f.sampleN8NKey(1), f.sampleN8NKey(2), other)
			remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnection(ctx, connectionID(1), 3) }
			f.refused(f.try(remove), store.ErrReferenced)
			f.do(func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.DeleteN8NKeys(ctx, connectionID(1))
				equal(f, n, 2)
				return err
			})
			f.do(remove)
			equal(f, f.storedN8NKey(3), other)
		}},
	}
}

func n8nKeyFilters(f *fixture) {
	f.insertNamespaces("tenant")
	f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, "tenant"))
	a, b, c := f.sampleN8NKey(1), f.sampleN8NKey(2), f.sampleN8NKey(3)
	b.Namespace, b.ConnectionID, b.Login, b.State, b.Owner = "tenant", connectionID(2), "bob", store.N8NKeyMissing, "team-b"
	c.Namespace, c.Login = "", "bob"
	f.insertN8NKeys(a, b, c)
	for title, t := range map[string]struct {
		filter store.N8NKeyFilter
		want   []string
	}{
		"all":        {store.N8NKeyFilter{}, []string{a.ID, b.ID, c.ID}},
		"scopes":     {store.N8NKeyFilter{Scopes: []string{"tenant", ""}}, []string{b.ID, c.ID}},
		"connection": {store.N8NKeyFilter{ConnectionID: connectionID(1)}, []string{a.ID, c.ID}},
		"login":      {store.N8NKeyFilter{Login: "bob"}, []string{b.ID, c.ID}},
		"states":     {store.N8NKeyFilter{States: []store.N8NKeyState{store.N8NKeyMissing, store.N8NKeyMaking}}, []string{b.ID}},
		"owner":      {store.N8NKeyFilter{Owner: "team-b"}, []string{b.ID}},
		"two":        {store.N8NKeyFilter{Login: "bob", ConnectionID: connectionID(1)}, []string{c.ID}},
	} {
		got, _, err := f.backend.N8NKeys(f.Context(), t.filter, store.Page{})
		f.ok(err)
		f.Log(title)
		inOrder(f, names(got, func(t store.N8NKey) string { return t.ID }), t.want...)
	}
}

func n8nKeyUpdate(f *fixture) {
	f.insertConnections(f.sampleConnection(1, ""))
	t := f.sampleN8NKey(1)
	f.insertN8NKeys(t)
	t.N8NKeyID, t.Login, t.UserID, t.Scopes, t.LastFour, t.Secret = "", "bob", "other", nil, "", nil
	t.SecretAt, t.CollectedAt, t.Owner, t.Description, t.State, t.StateAt = time.Time{}, time.Time{}, "", "", store.N8NKeyDeleting, f.clock.now()
	t.ExpiresAt, t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, t.UpdatedAt = time.Time{}, 0, 0, "", "", f.clock.now()
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateN8NKey(ctx, t) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	t.Version++
	equal(f, f.storedN8NKey(1), t)
	t.ID = n8nKeyID(2)
	f.refused(f.try(update), store.ErrNotFound)
}

func n8nKeyID(n int) string { return fmt.Sprintf("%s%026d", store.N8NKeyIDPrefix, n) }

func (f *fixture) sampleN8NKey(n int) store.N8NKey {
	now := f.clock.now()
	return store.N8NKey{
		ID: n8nKeyID(n), ConnectionID: connectionID(1), Namespace: "default", N8NKeyID: fmt.Sprintf("key%013d", n), Label: fmt.Sprintf("ci-%d", n),
		Login: "alice", UserID: "c8150ce5", Scopes: []string{"tag:list", "workflow:read"}, LastFour: "dN-0", Secret: []byte("sealed"),
		SecretAt: now.Add(-2 * time.Minute), CollectedAt: now.Add(-time.Minute), Owner: "team-a", Description: "the pipeline", State: store.N8NKeyActive, StateAt: now.Add(-time.Hour),
		ExpiresAt: now.Add(time.Hour), RotateEvery: 720 * time.Hour, Overlap: 24 * time.Hour, Predecessor: n8nKeyID(8), Successor: n8nKeyID(9),
		Seen: store.N8NKeySeen{
			ListedAt: now.Add(-time.Second), ServerScopes: []string{"all"}, LastUsedAt: now.Add(-2 * time.Second),
			VerifiedAt: now.Add(-3 * time.Second), Outcome: "valid",
		},
		CreatedBy: "token:tok_1", CreatedAt: now.Add(-2 * time.Hour), UpdatedAt: now.Add(-time.Hour), Version: 3,
	}
}

func (f *fixture) tryInsertN8NKey(t store.N8NKey) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertN8NKey(ctx, t) })
}

func (f *fixture) insertN8NKeys(all ...store.N8NKey) {
	f.Helper()
	for _, t := range all {
		f.ok(f.tryInsertN8NKey(t))
	}
}

func (f *fixture) storedN8NKey(n int) store.N8NKey {
	f.Helper()
	t, err := f.backend.N8NKey(f.Context(), n8nKeyID(n))
	f.ok(err)
	return t
}

func (f *fixture) verifyN8NKey(n int, secretAt time.Time, seen store.N8NKeySeen) (set bool) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		var err error
		set, err = w.SetN8NKeyVerified(ctx, n8nKeyID(n), secretAt, seen)
		return err
	}))
	return set
}
