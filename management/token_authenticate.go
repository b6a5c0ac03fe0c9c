package management

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"time"

	"credence/store"
	"credence/store/credential"
)

// TokenAuthenticate answers who holds the admin token text, without address
// and request id. Every text that is not that of a usable token gets the same
// [CodeUnauthorized]; which of them it was stands in the cause.
func (s *Service) TokenAuthenticate(ctx context.Context, text []byte) (Actor, error) {
	if !credential.WellFormedToken(text) {
		return Actor{}, unauthorized(errMalformedToken)
	}
	digest := credential.DigestOf(text)
	token, err := s.store.TokenByHash(ctx, digest)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Actor{}, unauthorized(err)
	case err != nil:
		return Actor{}, failed("admin token", err)
	}
	// The look-up compared already, in a time that depends on the digest, which
	// nobody can steer. This comparison also holds if a backend ever folds case.
	if subtle.ConstantTimeCompare(token.Hash[:], digest[:]) != 1 || !token.Usable(s.now()) {
		return Actor{}, unauthorized(errEndedToken)
	}
	s.touch(ctx, &token)
	return Actor{ID: "token:" + token.ID, Role: token.Role, Namespaces: token.Namespaces, GrantsUntil: token.ExpiresAt, EndsAt: token.ExpiresAt}, nil
}

const (
	// touchEvery is how exactly it is known when a token was last used: more
	// often nothing is written.
	touchEvery = time.Minute
	// touchPatience bounds how long a request waits for the note to be written.
	touchPatience = 250 * time.Millisecond
)

// touch notes that the token was used. It is a note for people: a request does
// not fail because the store is busy.
func (s *Service) touch(ctx context.Context, token *store.Token) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if now.Sub(token.LastUsedAt) < touchEvery {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, touchPatience)
	defer cancel()
	if err := s.store.TouchToken(ctx, token.ID, now); err != nil {
		s.logger.DebugContext(ctx, "use of an admin token not noted", slog.String("actor", "token:"+token.ID), slog.String("error", err.Error()))
	}
}

var (
	errMalformedToken = errors.New("not the form of an admin token")
	errEndedToken     = errors.New("revoked or past its end")
)

func unauthorized(cause error) error {
	return &Error{Code: CodeUnauthorized, Message: "admin token: not valid", cause: cause}
}
