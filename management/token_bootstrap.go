package management

import (
	"context"
	"fmt"

	"credence/store"
	"credence/store/credential"
)

// TokenBootstrap is the input of [Service.TokenBootstrap].
type TokenBootstrap struct {
	Name string // default "first"
	// Replace is for a token whose text was lost or may have been seen: it
	// revokes the tokens that were made here under that name, and makes another.
	Replace bool
	// Deliver, if set, gets the text before the transaction commits; its error
	// undoes everything. So a token cannot exist whose text nobody holds.
	Deliver func(text credential.Text) error
}

// TokenBootstrapped is the answer of [Service.TokenBootstrap].
type TokenBootstrapped struct {
	Token store.Token
	Text  credential.Text // shown this once
}

// TokenBootstrap makes the first admin token, global and without an end. When
// there is any token already, usable or not, it answers [CodeConflict], so that
// nobody makes a second one by accident; to replace one has to be asked for,
// and answers [CodeConflict] when there is none. Either way the caller holds the
// database and both files of secrets, and the audit chain tells of it.
func (s *Service) TokenBootstrap(ctx context.Context, in TokenBootstrap) (TokenBootstrapped, error) {
	out, _, err := transact(ctx, s, Actor{ID: "system", Role: store.RoleAdmin}, "first admin token",
		func(ctx context.Context, t *transaction) (TokenBootstrapped, error) {
			made, _, err := t.Tokens(ctx, store.Page{Limit: 1})
			if err != nil {
				return TokenBootstrapped{}, err
			}
			switch {
			case in.Replace && len(made) == 0:
				return TokenBootstrapped{}, refuse(CodeConflict, "first admin token: there is none to replace; make it without --replace")
			case in.Replace:
				var revoked int
				if revoked, err = t.revokeTokens(ctx, orDefault(in.Name, "first")); err == nil && revoked == 0 {
					err = refuse(CodeConflict, "first admin token: none of that name can be used any more, so there is none to replace; "+
						"use another admin token")
				}
			case len(made) > 0:
				err = refuse(CodeConflict, "first admin token: there is an admin token already; use it to make others, or, if it is lost, replace it with `credence tokens bootstrap --replace`")
			}
			if err != nil {
				return TokenBootstrapped{}, err
			}
			return s.mintToken(ctx, t, in)
		})
	return out, err
}

// revokeTokens revokes the tokens that TokenBootstrap made under the name:
// those of a global admin that can still be used. It answers how many.
func (t *transaction) revokeTokens(ctx context.Context, name string) (int, error) {
	page, revoked := store.Page{}, 0
	for {
		tokens, next, err := t.Tokens(ctx, page)
		if err != nil {
			return revoked, err
		}
		for i := range tokens {
			token := &tokens[i]
			if token.Name != name || token.Role != store.RoleAdmin || len(token.Namespaces) > 0 || !token.Usable(t.Now()) {
				continue
			}
			if err := t.RevokeToken(ctx, token.ID); err != nil {
				return revoked, err
			}
			revoked++
			t.record("", "token.revoke", "token:"+token.ID, "", details{Before: tokenFacts(token)})
		}
		if next == "" {
			return revoked, nil
		}
		page.After = next
	}
}

func (s *Service) mintToken(ctx context.Context, t *transaction, in TokenBootstrap) (TokenBootstrapped, error) {
	p := &problems{now: t.Now()}
	token := store.Token{Name: p.name(orDefault(in.Name, "first")), Role: store.RoleAdmin, CreatedAt: t.Now()}
	if err := p.err("first admin token"); err != nil {
		return TokenBootstrapped{}, err
	}
	text, err := credential.MintToken(s.random)
	if err != nil {
		return TokenBootstrapped{}, err
	}
	if token.ID, err = store.NewID(store.TokenIDPrefix, t.Now(), s.random); err != nil {
		return TokenBootstrapped{}, err
	}
	token.Hash = text.Digest()
	if err := t.InsertToken(ctx, token); err != nil {
		return TokenBootstrapped{}, err
	}
	t.record("", "token.bootstrap", "token:"+token.ID, "", details{After: tokenFacts(&token)})
	if in.Deliver != nil {
		if err := in.Deliver(text); err != nil {
			return TokenBootstrapped{}, fmt.Errorf("deliver: %w", err)
		}
	}
	return TokenBootstrapped{Token: token, Text: text}, nil
}
