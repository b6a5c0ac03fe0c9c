package management

import (
	"context"
	"time"

	"credence/store"
	"credence/store/credential"
)

// DefaultTokenLife is how long a token lives whose creator did not say.
const DefaultTokenLife = 90 * 24 * time.Hour

// never is how the end of a token is said that has none.
const never = "never"

// TokenCreate is the input of [Service.TokenCreate].
type TokenCreate struct {
	Name       string   // 1 to 128 printable characters
	Role       string   // viewer, auditor, operator or admin; at most the actor's
	Namespaces []string // must exist; none: global, which only a global actor may say
	ExpiresAt  time.Time
	ExpiresIn  string // a Go duration from now, or "never"; neither: DefaultTokenLife, or what the actor may give

	Idempotency Idempotency
}

// TokenCreated is the answer of [Service.TokenCreate] and [Service.TokenRotate].
type TokenCreated struct {
	Token    store.Token
	Text     credential.Text // shown this once; zero when Replayed
	Replayed bool            // the token was made by an earlier, equal request
	Previous store.Token     // that it takes the place of, if it was rotated
}

// TokenCreate makes an admin token that may do no more than its maker: its
// role, its namespaces and its life are the actor's at most. Its text is in the
// answer and nowhere else.
func (s *Service) TokenCreate(ctx context.Context, a Actor, in TokenCreate) (TokenCreated, error) {
	out, _, err := transact(ctx, s, a, "create admin token", func(ctx context.Context, t *transaction) (TokenCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return TokenCreated{}, err
		case id != "":
			token, err := t.token(ctx, id)
			return TokenCreated{Token: token, Replayed: true}, err
		}
		token, err := t.newToken(ctx, &in)
		if err != nil {
			return TokenCreated{}, err
		}
		text, err := t.insertToken(ctx, s, &token)
		if err != nil {
			return TokenCreated{}, err
		}
		t.recordToken("token.create", &token, details{After: tokenFacts(&token)})
		return TokenCreated{Token: token, Text: text}, t.remember(ctx, in.Idempotency, token.ID)
	})
	return out, err
}

// newToken checks the input and answers the token it describes, without its
// id and hash.
func (t *transaction) newToken(ctx context.Context, in *TokenCreate) (store.Token, error) {
	p := &problems{now: t.Now()}
	namespaces, err := t.tokenNamespaces(ctx, p, in.Namespaces)
	if err != nil {
		return store.Token{}, err
	}
	token := store.Token{
		Name: p.name(in.Name), Role: p.role(t.actor, in.Role), Namespaces: namespaces,
		ExpiresAt: p.tokenEnd(t.actor, in.ExpiresAt, in.ExpiresIn), CreatedBy: t.actor.ID, CreatedAt: t.Now(),
	}
	p.idempotencyKey(in.Idempotency)
	return token, p.err("create admin token")
}

// mostTokens is how many usable admin tokens may be limited to a namespace.
const mostTokens = 200

// roomForToken refuses a token that would be one too many for a namespace.
func (t *transaction) roomForToken(ctx context.Context, token *store.Token) error {
	for _, namespace := range token.Namespaces {
		usable, _, err := t.Tokens(ctx, store.TokenFilter{Naming: namespace, UsableAt: t.Now()}, store.Page{Limit: mostTokens})
		if err != nil {
			return err
		}
		if len(usable) >= mostTokens {
			return refuse(CodeConflict, "admin token: %d usable ones are limited to namespace %s already, the most there may be; revoke some",
				mostTokens, quoted(namespace))
		}
	}
	return nil
}

// insertToken gives the token its id and text and stores it.
func (t *transaction) insertToken(ctx context.Context, s *Service, token *store.Token) (credential.Text, error) {
	if err := t.roomForToken(ctx, token); err != nil {
		return credential.Text{}, err
	}
	text, err := credential.MintToken(s.random)
	if err != nil {
		return credential.Text{}, err
	}
	if token.ID, err = store.NewID(store.TokenIDPrefix, t.Now(), s.random); err != nil {
		return credential.Text{}, err
	}
	token.Hash = text.Digest()
	return text, t.InsertToken(ctx, *token)
}
