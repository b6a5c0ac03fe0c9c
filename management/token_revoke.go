package management

import (
	"context"

	"credence/store"
)

// TokenRevoke is the input of [Service.TokenRevoke].
type TokenRevoke struct {
	ID    string
	Force bool // also the last token of a global admin
}

// TokenRevoke ends an admin token for good: the next request with it is
// refused. The last one of a global admin stays unless that is forced. A second
// time it changes nothing.
func (s *Service) TokenRevoke(ctx context.Context, a Actor, in TokenRevoke) (store.Token, error) {
	what := "admin token " + quoted(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.Token, error) {
		token, err := t.token(ctx, in.ID)
		if err != nil || !token.RevokedAt.IsZero() {
			return token, err
		}
		if err := t.guardWayIn(ctx, &token, in.Force); err != nil {
			return store.Token{}, err
		}
		if err := t.RevokeToken(ctx, token.ID); err != nil {
			return store.Token{}, err
		}
		t.recordToken("token.revoke", &token, details{Before: tokenFacts(&token)})
		token.RevokedAt = t.Now()
		return token, nil
	})
	return out, err
}
