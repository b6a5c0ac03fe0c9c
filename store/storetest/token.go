package storetest

import (
	"context"
	"errors"
	"time"

	"credence/store"
	"credence/store/credential"
)

func tokenPromises() []promise {
	return []promise{
		{"TokenByHash", "answers ErrNotFound when no token has the hash", func(f *fixture) {
			f.insertTokens(f.sampleToken(1))
			_, err := f.backend.TokenByHash(f.Context(), f.sampleToken(2).Hash)
			f.refused(err, store.ErrNotFound)
			_, err = f.backend.TokenByHash(f.Context(), credential.Digest{})
			f.refused(err, store.ErrNotFound)
		}},
		{"Token", "answers ErrNotFound when there is none", func(f *fixture) {
			f.insertTokens(f.sampleToken(1))
			got, err := f.backend.Token(f.Context(), f.sampleToken(1).ID)
			f.ok(err)
			equal(f, got, f.sampleToken(1))
			_, err = f.backend.Token(f.Context(), f.sampleToken(2).ID)
			f.refused(err, store.ErrNotFound)
		}},
		{"Tokens", "answers pages ordered by id", func(f *fixture) {
			f.insertTokens(f.sampleToken(3), f.sampleToken(1), f.sampleToken(2))
			equal(f, f.listTokens(store.TokenFilter{}), []store.Token{f.sampleToken(1), f.sampleToken(2), f.sampleToken(3)})
		}},
		{"Tokens", "answers only tokens that meet every condition of the filter", proveTokenFilter},
		{"InsertToken", "stores every field", func(f *fixture) {
			full := f.sampleToken(1)
			full.RevokedAt = full.CreatedAt.Add(time.Second)
			noZeroField(f, full)
			global := f.sampleToken(2)
			global.Namespaces, global.ExpiresAt = nil, time.Time{}
			f.insertTokens(full, global)
			equal(f, f.storedToken(1), full)
			equal(f, f.storedToken(2), global)
		}},
		{"InsertToken", "answers ErrConflict when id or hash exists", func(f *fixture) {
			f.insertTokens(f.sampleToken(1))
			sameID, sameHash := f.sampleToken(2), f.sampleToken(2)
			sameID.ID, sameHash.Hash = f.sampleToken(1).ID, f.sampleToken(1).Hash
			for _, token := range []store.Token{sameID, sameHash} {
				f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.InsertToken(ctx, token) }), store.ErrConflict)
			}
		}},
		{"RevokeToken", "sets the instant once", func(f *fixture) {
			f.insertTokens(f.sampleToken(1), f.sampleToken(2))
			revoke := func(ctx context.Context, tx *store.Tx) error { return tx.RevokeToken(ctx, f.sampleToken(1).ID) }
			want := f.sampleToken(1)
			want.RevokedAt = f.clock.now()
			f.do(revoke)
			f.clock.advance(time.Hour)
			f.do(revoke)
			got, err := f.backend.TokenByHash(f.Context(), want.Hash)
			f.ok(err)
			equal(f, got, want)
			other, err := f.backend.TokenByHash(f.Context(), f.sampleToken(2).Hash)
			f.ok(err)
			equal(f, other.RevokedAt, time.Time{})
		}},
		{"ShortenToken", "sets the end unless the token ends before that", func(f *fixture) {
			endless := f.sampleToken(2)
			endless.ExpiresAt = time.Time{}
			f.insertTokens(f.sampleToken(1), endless)
			end := f.sampleToken(1).ExpiresAt
			for _, step := range []struct{ to, first, second time.Time }{
				{end.Add(time.Minute), end, end.Add(time.Minute)},
				{end.Add(-time.Minute), end.Add(-time.Minute), end.Add(-time.Minute)},
				{end, end.Add(-time.Minute), end.Add(-time.Minute)},
			} {
				f.do(func(ctx context.Context, tx *store.Tx) error {
					return errors.Join(tx.ShortenToken(ctx, f.sampleToken(1).ID, step.to), tx.ShortenToken(ctx, endless.ID, step.to))
				})
				equal(f, f.storedToken(1).ExpiresAt, step.first)
				equal(f, f.storedToken(2).ExpiresAt, step.second)
			}
		}},
		{"ShortenToken", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error {
				return tx.ShortenToken(ctx, "tok_0", f.clock.now())
			}), store.ErrNotFound)
		}},
		{"TouchToken", "sets LastUsedAt unless a later one is there", func(f *fixture) {
			fresh := f.sampleToken(1)
			fresh.LastUsedAt = time.Time{}
			f.insertTokens(fresh, f.sampleToken(2))
			now := f.clock.now()
			for _, step := range []struct{ at, want time.Time }{{now, now}, {now.Add(time.Minute), now.Add(time.Minute)}, {now, now.Add(time.Minute)}} {
				f.ok(f.store.TouchToken(f.Context(), fresh.ID, step.at))
				equal(f, f.storedToken(1).LastUsedAt, step.want)
			}
			equal(f, f.storedToken(2), f.sampleToken(2))
		}},
		{"TouchToken", "answers nil of a token that is gone", func(f *fixture) {
			f.ok(f.store.TouchToken(f.Context(), "tok_0", f.clock.now()))
		}},
		{"RevokeToken", "answers ErrNotFound when there is none", func(f *fixture) {
			f.refused(f.try(func(ctx context.Context, tx *store.Tx) error { return tx.RevokeToken(ctx, "tok_0") }), store.ErrNotFound)
		}},
	}
}

func (f *fixture) insertTokens(all ...store.Token) {
	f.Helper()
	f.do(func(ctx context.Context, tx *store.Tx) error {
		for _, token := range all {
			if err := tx.InsertToken(ctx, token); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fixture) storedToken(n int) store.Token {
	f.Helper()
	token, err := f.backend.TokenByHash(f.Context(), f.sampleToken(n).Hash)
	f.ok(err)
	return token
}

func (f *fixture) listTokens(filter store.TokenFilter) []store.Token {
	f.Helper()
	return walk(f, 2, func(p store.Page) ([]store.Token, store.Cursor, error) {
		return f.backend.Tokens(f.Context(), filter, p)
	})
}

// proveTokenFilter: each condition alone, and all of them at once.
func proveTokenFilter(f *fixture) {
	sample := func(n int, role store.Role, namespaces ...string) store.Token {
		token := f.sampleToken(n)
		token.Role, token.Namespaces = role, namespaces
		return token
	}
	now := f.clock.now()
	global, both, one, other := sample(1, store.RoleAdmin), sample(2, store.RoleAdmin, "a", "b"), sample(3, store.RoleViewer, "a"), sample(4, store.RoleAdmin, "c")
	revoked, expired, endless := sample(5, store.RoleAdmin), sample(6, store.RoleAdmin), sample(7, store.RoleAdmin, "a")
	revoked.RevokedAt, expired.ExpiresAt, endless.ExpiresAt = now, now, time.Time{}
	f.insertTokens(global, both, one, other, revoked, expired, endless)
	for _, c := range []struct {
		filter store.TokenFilter
		want   []store.Token
	}{
		{store.TokenFilter{Within: []string{"a"}}, []store.Token{one, endless}},
		{store.TokenFilter{Within: []string{"b", "a"}}, []store.Token{both, one, endless}},
		{store.TokenFilter{Within: []string{}}, nil},
		{store.TokenFilter{Naming: "a"}, []store.Token{both, one, endless}},
		{store.TokenFilter{Naming: "none"}, nil},
		{store.TokenFilter{Role: store.RoleViewer}, []store.Token{one}},
		{store.TokenFilter{Global: true}, []store.Token{global, revoked, expired}},
		{store.TokenFilter{UsableAt: now}, []store.Token{global, both, one, other, endless}},
		{store.TokenFilter{UsableAt: now.Add(-time.Microsecond)}, []store.Token{global, both, one, other, expired, endless}},
		{store.TokenFilter{Global: true, Role: store.RoleAdmin, UsableAt: now}, []store.Token{global}},
		{store.TokenFilter{Within: []string{"a"}, Naming: "a", Role: store.RoleAdmin, UsableAt: now}, []store.Token{endless}},
	} {
		equal(f, f.listTokens(c.filter), c.want)
	}
}
