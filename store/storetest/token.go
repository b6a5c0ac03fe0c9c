package storetest

import (
	"context"
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
		{"Tokens", "answers pages ordered by id", func(f *fixture) {
			f.insertTokens(f.sampleToken(3), f.sampleToken(1), f.sampleToken(2))
			got := walk(f, 2, func(p store.Page) ([]store.Token, store.Cursor, error) { return f.backend.Tokens(f.Context(), p) })
			equal(f, got, []store.Token{f.sampleToken(1), f.sampleToken(2), f.sampleToken(3)})
		}},
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
