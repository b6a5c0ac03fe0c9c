package management

import (
	"context"

	"credence/store"
)

// token reads a token that the actor may see.
func (t *transaction) token(ctx context.Context, id string) (store.Token, error) {
	return readToken(ctx, t, t.actor, id)
}

func readToken(ctx context.Context, r store.TokenReader, a Actor, id string) (store.Token, error) {
	what := "admin token " + quoted(id)
	token, err := r.Token(ctx, id)
	if err != nil {
		return store.Token{}, failed(what, err)
	}
	if !a.overToken(&token) {
		return store.Token{}, notFound(what)
	}
	return token, nil
}

// overToken reports whether the actor may see the token: one that reaches
// beyond its own namespaces would tell it that there is something beyond.
func (a Actor) overToken(token *store.Token) bool {
	if a.Global() {
		return true
	}
	for _, namespace := range token.Namespaces {
		if !a.May(namespace) {
			return false
		}
	}
	return !token.Global()
}

// recordToken writes to the chain of the one namespace that the token is
// limited to, or to that of no namespace: another namespace's chain must not
// tell of this one.
func (t *transaction) recordToken(action string, token *store.Token, d details) {
	namespace := ""
	if len(token.Namespaces) == 1 {
		namespace = token.Namespaces[0]
	}
	t.record(namespace, action, "token:"+token.ID, "", d)
}

// wayIn answers whether somebody can still make and revoke global admin tokens
// when that one has gone: one that can be used now and, if it lasts for ever,
// another that does.
func (t *transaction) wayIn(ctx context.Context, without *store.Token) (bool, error) {
	page := store.Page{}
	for {
		others, next, err := t.Tokens(ctx, store.TokenFilter{Role: store.RoleAdmin, Global: true, UsableAt: t.Now()}, page)
		if err != nil {
			return false, err
		}
		for i := range others {
			other := &others[i]
			if other.ID != without.ID && (!without.ExpiresAt.IsZero() || other.ExpiresAt.IsZero()) {
				return true, nil
			}
		}
		if next == "" {
			return false, nil
		}
		page.After = next
	}
}

// guardWayIn refuses to end the last token of a global admin, unless forced.
func (t *transaction) guardWayIn(ctx context.Context, token *store.Token, force bool) error {
	if force || token.Role != store.RoleAdmin || !token.Global() || !token.Usable(t.Now()) {
		return nil
	}
	stays, err := t.wayIn(ctx, token)
	if err != nil || stays {
		return err
	}
	last := "can be used"
	if token.ExpiresAt.IsZero() {
		last = "has no end"
	}
	return refuse(CodeConflict, "admin token %s: is the last of a global admin that %s; make another first, or force it and "+
		"make one at the database with `credence tokens bootstrap --replace`", quoted(token.ID), last)
}
