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
// nobody makes a second one by accident. To replace one has to be asked for: it
// revokes the tokens of that name and makes another, and answers [CodeConflict]
// when that would revoke nothing while somebody else has a way in. Either way
// the caller holds the database and both files of secrets, and the audit chain
// tells of it.
func (s *Service) TokenBootstrap(ctx context.Context, in TokenBootstrap) (TokenBootstrapped, error) {
	out, _, err := transact(ctx, s, Actor{ID: "system", Role: store.RoleAdmin}, "first admin token",
		func(ctx context.Context, t *transaction) (TokenBootstrapped, error) {
			made, _, err := t.Tokens(ctx, store.TokenFilter{}, store.Page{Limit: 1})
			if err != nil {
				return TokenBootstrapped{}, err
			}
			switch {
			case in.Replace && len(made) == 0:
				return TokenBootstrapped{}, refuse(CodeConflict, "first admin token: there is none to replace; make it without --replace")
			case in.Replace:
				err = t.replaceTokens(ctx, orDefault(in.Name, "first"))
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

// replaceTokens revokes the tokens that TokenBootstrap made under the name:
// those of a global admin that can still be used. When there are none, the
// last of all may have ended, and then another is the way back in.
func (t *transaction) replaceTokens(ctx context.Context, name string) error {
	page, usable, revoked := store.Page{}, 0, 0
	for {
		tokens, next, err := t.Tokens(ctx, store.TokenFilter{Role: store.RoleAdmin, Global: true, UsableAt: t.Now()}, page)
		if err != nil {
			return err
		}
		for i := range tokens {
			usable++
			token := &tokens[i]
			if token.Name != name {
				continue
			}
			if err := t.RevokeToken(ctx, token.ID); err != nil {
				return err
			}
			revoked++
			t.recordToken("token.revoke", token, details{Before: tokenFacts(token)})
		}
		if next == "" {
			break
		}
		page.After = next
	}
	if usable > 0 && revoked == 0 {
		return refuse(CodeConflict, "first admin token: none of that name can be used any more, so there is none to replace; use another admin token")
	}
	return nil
}

func (s *Service) mintToken(ctx context.Context, t *transaction, in TokenBootstrap) (TokenBootstrapped, error) {
	p := &problems{now: t.Now()}
	token := store.Token{Name: p.name(orDefault(in.Name, "first")), Role: store.RoleAdmin, CreatedBy: t.actor.ID, CreatedAt: t.Now()}
	if err := p.err("first admin token"); err != nil {
		return TokenBootstrapped{}, err
	}
	text, err := t.insertToken(ctx, s, &token)
	if err != nil {
		return TokenBootstrapped{}, err
	}
	t.recordToken("token.bootstrap", &token, details{After: tokenFacts(&token)})
	if in.Deliver != nil {
		if err := in.Deliver(text); err != nil {
			return TokenBootstrapped{}, fmt.Errorf("deliver: %w", err)
		}
	}
	return TokenBootstrapped{Token: token, Text: text}, nil
}
