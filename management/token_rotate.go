package management

import (
	"context"
	"time"

	"credence/store"
)

// TokenRotate is the input of [Service.TokenRotate].
type TokenRotate struct {
	ID        string
	Grace     string    // how long the old text still works; a Go duration, default "0s"
	ExpiresAt time.Time // of the new token
	ExpiresIn string    // or its length, or "never"; neither: as long as the old one was made to live
	Force     bool      // also when the last token of a global admin without an end gets one

	Idempotency Idempotency
}

// maxTokenGrace is the longest that an old token lives beside its successor.
const maxTokenGrace = 30 * 24 * time.Hour

// TokenRotate makes a token with the name, the role and the namespaces of
// another, which ends after the grace.
func (s *Service) TokenRotate(ctx context.Context, a Actor, in TokenRotate) (TokenCreated, error) {
	what := "rotate admin token " + quoted(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (TokenCreated, error) {
		previous, err := t.token(ctx, in.ID)
		if err != nil {
			return TokenCreated{}, err
		}
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return TokenCreated{}, err
		case id != "":
			token, err := t.token(ctx, id)
			return TokenCreated{Token: token, Previous: previous, Replayed: true}, err
		}
		return t.rotateToken(ctx, s, &previous, &in)
	})
	return out, err
}

func (t *transaction) rotateToken(ctx context.Context, s *Service, previous *store.Token, in *TokenRotate) (TokenCreated, error) {
	if !previous.Usable(t.Now()) {
		return TokenCreated{}, refuse(CodeConflict, "admin token %s: has ended, so there is nothing to rotate; make another", quoted(previous.ID))
	}
	p := &problems{now: t.Now()}
	span := in.ExpiresIn
	if span == "" && in.ExpiresAt.IsZero() {
		if span = never; !previous.ExpiresAt.IsZero() {
			span = max(previous.ExpiresAt.Sub(previous.CreatedAt), time.Second).String()
		}
	}
	successor := store.Token{
		Name: previous.Name, Role: p.role(t.actor, string(previous.Role)), Namespaces: previous.Namespaces,
		ExpiresAt: p.tokenEnd(t.actor, in.ExpiresAt, span), CreatedBy: t.actor.ID, CreatedAt: t.Now(),
	}
	grace := p.grace(in.Grace)
	p.idempotencyKey(in.Idempotency)
	if err := p.err("rotate admin token"); err != nil {
		return TokenCreated{}, err
	}
	text, err := t.insertToken(ctx, s, &successor)
	if err != nil {
		return TokenCreated{}, err
	}
	if err := t.guardWayIn(ctx, previous, in.Force); err != nil {
		return TokenCreated{}, err
	}
	was := *previous
	if err := t.ShortenToken(ctx, previous.ID, t.Now().Add(grace)); err != nil {
		return TokenCreated{}, err
	}
	if *previous, err = t.Token(ctx, was.ID); err != nil {
		return TokenCreated{}, err
	}
	t.recordToken("token.create", &successor, details{After: tokenFacts(&successor)})
	t.recordToken("token.rotate", previous, changedFacts(tokenFacts(&was), tokenFacts(previous)))
	return TokenCreated{Token: successor, Text: text, Previous: *previous}, t.remember(ctx, in.Idempotency, successor.ID)
}

func (p *problems) grace(value string) time.Duration {
	grace, err := time.ParseDuration(orDefault(value, "0s"))
	if err != nil || grace < 0 || grace > maxTokenGrace {
		p.add("grace", quoted(value)+" is no duration from 0s to "+maxTokenGrace.String(), `write it like "24h" or "90m"`)
	}
	return grace
}
