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
// there is any token already, usable or not, it answers [CodeConflict]: who
// can reach the database is not thereby an admin.
func (s *Service) TokenBootstrap(ctx context.Context, in TokenBootstrap) (TokenBootstrapped, error) {
	out, _, err := transact(ctx, s, Actor{ID: "system", Role: store.RoleAdmin}, "first admin token",
		func(ctx context.Context, t *transaction) (TokenBootstrapped, error) {
			made, _, err := t.Tokens(ctx, store.Page{Limit: 1})
			if err != nil {
				return TokenBootstrapped{}, err
			}
			if len(made) > 0 {
				return TokenBootstrapped{}, refuse(CodeConflict, "first admin token: there is an admin token already; use it to make others")
			}
			return s.mintToken(ctx, t, in)
		})
	return out, err
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
