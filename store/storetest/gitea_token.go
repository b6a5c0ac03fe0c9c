package storetest

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

func giteaTokenPromises() []promise {
	return []promise{
		{"GiteaToken", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.GiteaToken(f.Context(), "gtk_0")
			f.refused(err, store.ErrNotFound)
		}},
		{"GiteaTokens", "answers only tokens that meet every condition of the filter", giteaTokenFilters},
		{"GiteaTokens", "answers pages ordered by id", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(3), f.sampleGiteaToken(1), f.sampleGiteaToken(2))
			got := walk(f, 2, func(page store.Page) ([]store.GiteaToken, store.Cursor, error) {
				return f.backend.GiteaTokens(f.Context(), store.GiteaTokenFilter{}, page)
			})
			inOrder(f, names(got, func(t store.GiteaToken) string { return t.ID }), giteaTokenID(1), giteaTokenID(2), giteaTokenID(3))
		}},
		{"InsertGiteaToken", "stores every field", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			full := f.sampleGiteaToken(1)
			noZeroField(f, full)
			noZeroField(f, full.Seen)
			intent := store.GiteaToken{
				ID: giteaTokenID(2), ConnectionID: connectionID(1), TokenName: "ci-2", Login: "bob", State: store.GiteaTokenMaking,
				StateAt: f.clock.now(), CreatedBy: "system", CreatedAt: f.clock.now(), UpdatedAt: f.clock.now(), Version: 1,
			}
			other := intent
			other.ID = giteaTokenID(3)
			f.insertGiteaTokens(full, intent, other) // none of the two has an id on the server yet
			equal(f, f.storedGiteaToken(1), full)
			equal(f, f.storedGiteaToken(2), intent)
		}},
		{"InsertGiteaToken", "answers ErrConflict when the id is taken, or the one on the server of the connection", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(1))
			same := f.sampleGiteaToken(1)
			same.GiteaTokenID = 99
			f.refused(f.tryInsertGiteaToken(same), store.ErrConflict)
			same = f.sampleGiteaToken(2)
			same.GiteaTokenID = f.sampleGiteaToken(1).GiteaTokenID
			f.refused(f.tryInsertGiteaToken(same), store.ErrConflict)
			same.ConnectionID = connectionID(2)
			f.ok(f.tryInsertGiteaToken(same))
		}},
		{"InsertGiteaToken", "answers ErrMissingReference when there is no such connection", func(f *fixture) {
			f.refused(f.tryInsertGiteaToken(f.sampleGiteaToken(1)), store.ErrMissingReference)
		}},
		{"UpdateGiteaToken", "writes only the version that was read and stores the next", giteaTokenUpdate},
		{"UpdateGiteaToken", "leaves what was seen, connection, namespace, name and maker as they are", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(1))
			other := f.sampleGiteaToken(1)
			other.Seen, other.ConnectionID, other.Namespace, other.TokenName = store.GiteaTokenSeen{}, "con_x", "other", "other"
			other.CreatedBy, other.CreatedAt = "somebody", f.clock.now()
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGiteaToken(ctx, other) })
			want := f.sampleGiteaToken(1)
			want.Version++
			equal(f, f.storedGiteaToken(1), want)
		}},
		{"SetGiteaTokenListed", "sets what a listing says and nothing else, never of an older one", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(1))
			want := f.sampleGiteaToken(1)
			now := f.clock.now()
			listed := func(seen store.GiteaTokenSeen) {
				f.Helper()
				f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.SetGiteaTokenListed(ctx, want.ID, seen) }))
			}
			listed(store.GiteaTokenSeen{ListedAt: now, ServerScopes: []string{"all"}, Outcome: "invalid", VerifiedAt: now})
			want.Seen.ListedAt, want.Seen.ServerScopes, want.Seen.LastUsedAt = now, []string{"all"}, time.Time{}
			equal(f, f.storedGiteaToken(1), want)
			listed(store.GiteaTokenSeen{ListedAt: now.Add(-time.Microsecond), ServerScopes: []string{"older"}, LastUsedAt: now})
			equal(f, f.storedGiteaToken(1), want)
		}},
		{"SetGiteaTokenListed", "answers nil for a token that is gone", func(f *fixture) {
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.SetGiteaTokenListed(ctx, giteaTokenID(1), store.GiteaTokenSeen{ListedAt: f.clock.now()})
			}))
		}},
		{"SetGiteaTokenVerified", "sets what came of trying the secret out and nothing else", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(1))
			want := f.sampleGiteaToken(1)
			now := f.clock.now()
			seen := store.GiteaTokenSeen{VerifiedAt: now, Outcome: "invalid", ListedAt: now, ServerScopes: []string{"other"}}
			equal(f, f.verifyGiteaToken(1, want.SecretAt, seen), true)
			want.Seen.VerifiedAt, want.Seen.Outcome = now, "invalid"
			equal(f, f.storedGiteaToken(1), want)
		}},
		{"SetGiteaTokenVerified", "changes nothing of another secret, of a later verification and of a token that is gone", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			bare := f.sampleGiteaToken(2)
			bare.Secret, bare.SecretAt, bare.Seen = nil, time.Time{}, store.GiteaTokenSeen{}
			f.insertGiteaTokens(f.sampleGiteaToken(1), bare)
			want := f.sampleGiteaToken(1)
			seen := store.GiteaTokenSeen{VerifiedAt: f.clock.now(), Outcome: "invalid"}
			equal(f, f.verifyGiteaToken(1, want.SecretAt.Add(time.Microsecond), seen), false)
			equal(f, f.verifyGiteaToken(1, time.Time{}, seen), false)
			equal(f, f.verifyGiteaToken(2, want.SecretAt, seen), false)
			equal(f, f.verifyGiteaToken(3, want.SecretAt, seen), false)
			seen.VerifiedAt = want.Seen.VerifiedAt.Add(-time.Microsecond)
			equal(f, f.verifyGiteaToken(1, want.SecretAt, seen), false)
			equal(f, f.storedGiteaToken(1), want)
			equal(f, f.storedGiteaToken(2), bare)
		}},
		{"DeleteGiteaToken", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteGiteaToken(ctx, giteaTokenID(1), version)
				})
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertGiteaTokens(f.sampleGiteaToken(1))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.GiteaToken(f.Context(), giteaTokenID(1))
			f.refused(err, store.ErrNotFound)
		}},
		{"DeleteGiteaTokens", "deletes all of the connection, which can go then", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			other := f.sampleGiteaToken(3)
			other.ConnectionID = connectionID(2)
			f.insertGiteaTokens(f.sampleGiteaToken(1), f.sampleGiteaToken(2), other)
			remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnection(ctx, connectionID(1), 3) }
			f.refused(f.try(remove), store.ErrReferenced)
			f.do(func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.DeleteGiteaTokens(ctx, connectionID(1))
				equal(f, n, 2)
				return err
			})
			f.do(remove)
			equal(f, f.storedGiteaToken(3), other)
		}},
	}
}

func giteaTokenFilters(f *fixture) {
	f.insertNamespaces("tenant")
	f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, "tenant"))
	a, b, c := f.sampleGiteaToken(1), f.sampleGiteaToken(2), f.sampleGiteaToken(3)
	b.Namespace, b.ConnectionID, b.Login, b.State, b.Owner = "tenant", connectionID(2), "bob", store.GiteaTokenMissing, "team-b"
	c.Namespace, c.Login = "", "bob"
	f.insertGiteaTokens(a, b, c)
	for title, t := range map[string]struct {
		filter store.GiteaTokenFilter
		want   []string
	}{
		"all":        {store.GiteaTokenFilter{}, []string{a.ID, b.ID, c.ID}},
		"scopes":     {store.GiteaTokenFilter{Scopes: []string{"tenant", ""}}, []string{b.ID, c.ID}},
		"connection": {store.GiteaTokenFilter{ConnectionID: connectionID(1)}, []string{a.ID, c.ID}},
		"login":      {store.GiteaTokenFilter{Login: "bob"}, []string{b.ID, c.ID}},
		"states":     {store.GiteaTokenFilter{States: []store.GiteaTokenState{store.GiteaTokenMissing, store.GiteaTokenMaking}}, []string{b.ID}},
		"owner":      {store.GiteaTokenFilter{Owner: "team-b"}, []string{b.ID}},
		"two":        {store.GiteaTokenFilter{Login: "bob", ConnectionID: connectionID(1)}, []string{c.ID}},
	} {
		got, _, err := f.backend.GiteaTokens(f.Context(), t.filter, store.Page{})
		f.ok(err)
		f.Log(title)
		inOrder(f, names(got, func(t store.GiteaToken) string { return t.ID }), t.want...)
	}
}

func giteaTokenUpdate(f *fixture) {
	f.insertConnections(f.sampleConnection(1, ""))
	t := f.sampleGiteaToken(1)
	f.insertGiteaTokens(t)
	t.GiteaTokenID, t.Login, t.UserID, t.Scopes, t.LastEight, t.Secret = 0, "bob", 8, nil, "", nil
	t.SecretAt, t.CollectedAt, t.Owner, t.Description, t.State, t.StateAt = time.Time{}, time.Time{}, "", "", store.GiteaTokenDeleting, f.clock.now()
	t.ExpiresAt, t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, t.UpdatedAt = time.Time{}, 0, 0, "", "", f.clock.now()
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateGiteaToken(ctx, t) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	t.Version++
	equal(f, f.storedGiteaToken(1), t)
	t.ID = giteaTokenID(2)
	f.refused(f.try(update), store.ErrNotFound)
}

func giteaTokenID(n int) string { return fmt.Sprintf("%s%026d", store.GiteaTokenIDPrefix, n) }

func (f *fixture) sampleGiteaToken(n int) store.GiteaToken {
	now := f.clock.now()
	return store.GiteaToken{
		ID: giteaTokenID(n), ConnectionID: connectionID(1), Namespace: "default", GiteaTokenID: int64(1) << 40 * int64(n), TokenName: fmt.Sprintf("ci-%d", n),
		Login: "alice", UserID: 7, Scopes: []string{"read:user", "write:repository"}, LastEight: "2d10ccc9", Secret: []byte("sealed"),
		SecretAt: now.Add(-2 * time.Minute), CollectedAt: now.Add(-time.Minute), Owner: "team-a", Description: "the pipeline", State: store.GiteaTokenActive, StateAt: now.Add(-time.Hour),
		ExpiresAt: now.Add(time.Hour), RotateEvery: 720 * time.Hour, Overlap: 24 * time.Hour, Predecessor: giteaTokenID(8), Successor: giteaTokenID(9),
		Seen: store.GiteaTokenSeen{
			ListedAt: now.Add(-time.Second), ServerScopes: []string{"all"}, LastUsedAt: now.Add(-2 * time.Second),
			VerifiedAt: now.Add(-3 * time.Second), Outcome: "valid",
		},
		CreatedBy: "token:tok_1", CreatedAt: now.Add(-2 * time.Hour), UpdatedAt: now.Add(-time.Hour), Version: 3,
	}
}

func (f *fixture) tryInsertGiteaToken(t store.GiteaToken) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertGiteaToken(ctx, t) })
}

func (f *fixture) insertGiteaTokens(all ...store.GiteaToken) {
	f.Helper()
	for _, t := range all {
		f.ok(f.tryInsertGiteaToken(t))
	}
}

func (f *fixture) storedGiteaToken(n int) store.GiteaToken {
	f.Helper()
	t, err := f.backend.GiteaToken(f.Context(), giteaTokenID(n))
	f.ok(err)
	return t
}

func (f *fixture) verifyGiteaToken(n int, secretAt time.Time, seen store.GiteaTokenSeen) (set bool) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		var err error
		set, err = w.SetGiteaTokenVerified(ctx, giteaTokenID(n), secretAt, seen)
		return err
	}))
	return set
}
