package storetest

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

// outsidePromises are those about the credentials of one other system.
func outsidePromises(in store.System) []promise {
	return []promise{
		{"OutsideCredential", "answers ErrNotFound when there is none", func(f *fixture) {
			_, err := f.backend.OutsideCredential(f.Context(), in, in.IDPrefix()+"0")
			f.refused(err, store.ErrNotFound)
		}},
		{"OutsideCredentials", "answers only credentials that meet every condition of the filter", func(f *fixture) { outsideFilters(f, in) }},
		{"OutsideCredentials", "answers pages ordered by id", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertOutside(f.sampleOutside(in, 3), f.sampleOutside(in, 1), f.sampleOutside(in, 2))
			got := walk(f, 2, func(page store.Page) ([]store.OutsideCredential, store.Cursor, error) {
				return f.backend.OutsideCredentials(f.Context(), in, store.OutsideFilter{}, page)
			})
			inOrder(f, names(got, func(t store.OutsideCredential) string { return t.ID }), outsideID(in, 1), outsideID(in, 2), outsideID(in, 3))
		}},
		{"InsertOutsideCredential", "stores every field", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			full := f.sampleOutside(in, 1)
			noZeroField(f, full)
			noZeroField(f, full.Seen)
			intent := store.OutsideCredential{
				System: in, ID: outsideID(in, 2), ConnectionID: connectionID(1), Name: "ci-2", Login: "bob", State: store.OutsideMaking,
				StateAt: f.clock.now(), CreatedBy: "system", CreatedAt: f.clock.now(), UpdatedAt: f.clock.now(), Version: 1,
			}
			other := intent
			other.ID = outsideID(in, 3)
			f.insertOutside(full, intent, other) // none of the two has an id on the server yet
			equal(f, f.storedOutside(in, 1), full)
			equal(f, f.storedOutside(in, 2), intent)
		}},
		{"InsertOutsideCredential", "answers ErrConflict when the id is taken, or the one on the server of the connection", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			f.insertOutside(f.sampleOutside(in, 1))
			same := f.sampleOutside(in, 1)
			same.RemoteID = "99"
			f.refused(f.tryInsertOutside(same), store.ErrConflict)
			same = f.sampleOutside(in, 2)
			same.RemoteID = f.sampleOutside(in, 1).RemoteID
			f.refused(f.tryInsertOutside(same), store.ErrConflict)
			same.ConnectionID = connectionID(2)
			f.ok(f.tryInsertOutside(same))
		}},
		{"InsertOutsideCredential", "answers ErrMissingReference when there is no such connection", func(f *fixture) {
			f.refused(f.tryInsertOutside(f.sampleOutside(in, 1)), store.ErrMissingReference)
		}},
		{"UpdateOutsideCredential", "writes only the version that was read and stores the next", func(f *fixture) { outsideUpdate(f, in) }},
		{"UpdateOutsideCredential", "leaves what was seen, connection, namespace, name and maker as they are", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertOutside(f.sampleOutside(in, 1))
			other := f.sampleOutside(in, 1)
			other.Seen, other.ConnectionID, other.Namespace, other.Name = store.OutsideSeen{}, "con_x", "other", "other"
			other.CreatedBy, other.CreatedAt = "somebody", f.clock.now()
			f.do(func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOutsideCredential(ctx, other) })
			want := f.sampleOutside(in, 1)
			want.Version++
			equal(f, f.storedOutside(in, 1), want)
		}},
		{"SetOutsideListed", "sets what a listing says and nothing else, never of an older one", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertOutside(f.sampleOutside(in, 1))
			want := f.sampleOutside(in, 1)
			now := f.clock.now()
			listed := func(seen store.OutsideSeen) {
				f.Helper()
				f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.SetOutsideListed(ctx, in, want.ID, seen) }))
			}
			listed(store.OutsideSeen{ListedAt: now, ServerScopes: []string{"all"}, Outcome: "invalid", VerifiedAt: now})
			want.Seen.ListedAt, want.Seen.ServerScopes, want.Seen.LastUsedAt = now, []string{"all"}, time.Time{}
			equal(f, f.storedOutside(in, 1), want)
			listed(store.OutsideSeen{ListedAt: now.Add(-time.Microsecond), ServerScopes: []string{"older"}, LastUsedAt: now})
			equal(f, f.storedOutside(in, 1), want)
		}},
		{"SetOutsideListed", "answers nil for a credential that is gone", func(f *fixture) {
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.SetOutsideListed(ctx, in, outsideID(in, 1), store.OutsideSeen{ListedAt: f.clock.now()})
			}))
		}},
		{"SetOutsideVerified", "sets what came of trying the secret out and nothing else", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertOutside(f.sampleOutside(in, 1))
			want := f.sampleOutside(in, 1)
			now := f.clock.now()
			seen := store.OutsideSeen{VerifiedAt: now, Outcome: "invalid", ListedAt: now, ServerScopes: []string{"other"}}
			equal(f, f.verifyOutside(in, 1, want.SecretAt, seen), true)
			want.Seen.VerifiedAt, want.Seen.Outcome = now, "invalid"
			equal(f, f.storedOutside(in, 1), want)
		}},
		{"SetOutsideVerified", "changes nothing of another secret, of a later verification and of a credential that is gone", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""))
			bare := f.sampleOutside(in, 2)
			bare.Secret, bare.SecretAt, bare.Seen = nil, time.Time{}, store.OutsideSeen{}
			f.insertOutside(f.sampleOutside(in, 1), bare)
			want := f.sampleOutside(in, 1)
			seen := store.OutsideSeen{VerifiedAt: f.clock.now(), Outcome: "invalid"}
			equal(f, f.verifyOutside(in, 1, want.SecretAt.Add(time.Microsecond), seen), false)
			equal(f, f.verifyOutside(in, 1, time.Time{}, seen), false)
			equal(f, f.verifyOutside(in, 2, want.SecretAt, seen), false)
			equal(f, f.verifyOutside(in, 3, want.SecretAt, seen), false)
			seen.VerifiedAt = want.Seen.VerifiedAt.Add(-time.Microsecond)
			equal(f, f.verifyOutside(in, 1, want.SecretAt, seen), false)
			equal(f, f.storedOutside(in, 1), want)
			equal(f, f.storedOutside(in, 2), bare)
		}},
		{"DeleteOutsideCredential", "answers ErrNotFound when there is none and ErrStale on another version", func(f *fixture) {
			remove := func(version int64) error {
				return f.try(func(ctx context.Context, tx *store.Tx) error {
					return tx.DeleteOutsideCredential(ctx, in, outsideID(in, 1), version)
				})
			}
			f.refused(remove(3), store.ErrNotFound)
			f.insertConnections(f.sampleConnection(1, ""))
			f.insertOutside(f.sampleOutside(in, 1))
			f.refused(remove(2), store.ErrStale)
			f.ok(remove(3))
			_, err := f.backend.OutsideCredential(f.Context(), in, outsideID(in, 1))
			f.refused(err, store.ErrNotFound)
		}},
		{"DeleteOutsideCredentials", "deletes all of the connection, which can go then", func(f *fixture) {
			f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, ""))
			other := f.sampleOutside(in, 3)
			other.ConnectionID = connectionID(2)
			f.insertOutside(f.sampleOutside(in, 1), f.sampleOutside(in, 2), other)
			remove := func(ctx context.Context, tx *store.Tx) error { return tx.DeleteConnection(ctx, connectionID(1), 3) }
			f.refused(f.try(remove), store.ErrReferenced)
			f.do(func(ctx context.Context, tx *store.Tx) error {
				n, err := tx.DeleteOutsideCredentials(ctx, in, connectionID(1))
				equal(f, n, 2)
				return err
			})
			f.do(remove)
			equal(f, f.storedOutside(in, 3), other)
		}},
	}
}

func outsideFilters(f *fixture, in store.System) {
	f.insertNamespaces("tenant")
	f.insertConnections(f.sampleConnection(1, ""), f.sampleConnection(2, "tenant"))
	a, b, c := f.sampleOutside(in, 1), f.sampleOutside(in, 2), f.sampleOutside(in, 3)
	b.Namespace, b.ConnectionID, b.Login, b.State, b.Owner = "tenant", connectionID(2), "bob", store.OutsideMissing, "team-b"
	c.Namespace, c.Login = "", "bob"
	f.insertOutside(a, b, c)
	for title, t := range map[string]struct {
		filter store.OutsideFilter
		want   []string
	}{
		"all":        {store.OutsideFilter{}, []string{a.ID, b.ID, c.ID}},
		"scopes":     {store.OutsideFilter{Scopes: []string{"tenant", ""}}, []string{b.ID, c.ID}},
		"connection": {store.OutsideFilter{ConnectionID: connectionID(1)}, []string{a.ID, c.ID}},
		"login":      {store.OutsideFilter{Login: "bob"}, []string{b.ID, c.ID}},
		"states":     {store.OutsideFilter{States: []store.OutsideState{store.OutsideMissing, store.OutsideMaking}}, []string{b.ID}},
		"owner":      {store.OutsideFilter{Owner: "team-b"}, []string{b.ID}},
		"two":        {store.OutsideFilter{Login: "bob", ConnectionID: connectionID(1)}, []string{c.ID}},
	} {
		got, _, err := f.backend.OutsideCredentials(f.Context(), in, t.filter, store.Page{})
		f.ok(err)
		f.Log(title)
		inOrder(f, names(got, func(t store.OutsideCredential) string { return t.ID }), t.want...)
	}
}

func outsideUpdate(f *fixture, in store.System) {
	f.insertConnections(f.sampleConnection(1, ""))
	t := f.sampleOutside(in, 1)
	f.insertOutside(t)
	t.RemoteID, t.Login, t.UserID, t.Scopes, t.Ending, t.Secret = "", "bob", "8", nil, "", nil
	t.SecretAt, t.CollectedAt, t.Owner, t.Description, t.State, t.StateAt = time.Time{}, time.Time{}, "", "", store.OutsideDeleting, f.clock.now()
	t.ExpiresAt, t.RotateEvery, t.Overlap, t.Predecessor, t.Successor, t.UpdatedAt = time.Time{}, 0, 0, "", "", f.clock.now()
	update := func(ctx context.Context, tx *store.Tx) error { return tx.UpdateOutsideCredential(ctx, t) }
	f.do(update)
	f.refused(f.try(update), store.ErrStale)
	t.Version++
	equal(f, f.storedOutside(in, 1), t)
	t.ID = outsideID(in, 2)
	f.refused(f.try(update), store.ErrNotFound)
}

func outsideID(in store.System, n int) string { return fmt.Sprintf("%s%026d", in.IDPrefix(), n) }

func (f *fixture) sampleOutside(in store.System, n int) store.OutsideCredential {
	now := f.clock.now()
	remote, user := fmt.Sprint(1<<40*n), "7"
	if in == store.SystemN8N { // no numbers there
		remote, user = fmt.Sprintf("key%013d", n), "c8150ce5"
	}
	return store.OutsideCredential{
		System: in, ID: outsideID(in, n), ConnectionID: connectionID(1), Namespace: "default", RemoteID: remote, Name: fmt.Sprintf("ci-%d", n),
		Login: "alice", UserID: user, Scopes: []string{"read:user", "write:repository"}, Ending: "2d10ccc9", Secret: []byte("sealed"),
		SecretAt: now.Add(-2 * time.Minute), CollectedAt: now.Add(-time.Minute), Owner: "team-a", Description: "the pipeline", State: store.OutsideActive, StateAt: now.Add(-time.Hour),
		ExpiresAt: now.Add(time.Hour), RotateEvery: 720 * time.Hour, Overlap: 24 * time.Hour, Predecessor: outsideID(in, 8), Successor: outsideID(in, 9),
		Seen: store.OutsideSeen{
			ListedAt: now.Add(-time.Second), ServerScopes: []string{"all"}, LastUsedAt: now.Add(-2 * time.Second),
			VerifiedAt: now.Add(-3 * time.Second), Outcome: "valid",
		},
		CreatedBy: "token:tok_1", CreatedAt: now.Add(-2 * time.Hour), UpdatedAt: now.Add(-time.Hour), Version: 3,
	}
}

func (f *fixture) tryInsertOutside(t store.OutsideCredential) error {
	return f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertOutsideCredential(ctx, t) })
}

func (f *fixture) insertOutside(all ...store.OutsideCredential) {
	f.Helper()
	for _, t := range all {
		f.ok(f.tryInsertOutside(t))
	}
}

func (f *fixture) storedOutside(in store.System, n int) store.OutsideCredential {
	f.Helper()
	t, err := f.backend.OutsideCredential(f.Context(), in, outsideID(in, n))
	f.ok(err)
	return t
}

func (f *fixture) verifyOutside(in store.System, n int, secretAt time.Time, seen store.OutsideSeen) (set bool) {
	f.Helper()
	f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
		var err error
		set, err = w.SetOutsideVerified(ctx, in, outsideID(in, n), secretAt, seen)
		return err
	}))
	return set
}
