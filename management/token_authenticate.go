package management

import (
	"context"
	"crypto/subtle"
	"errors"

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
	return Actor{ID: "token:" + token.ID, Role: token.Role, Namespaces: token.Namespaces}, nil
}

var (
	errMalformedToken = errors.New("not the form of an admin token")
	errEndedToken     = errors.New("revoked or past its end")
)

func unauthorized(cause error) error {
	return &Error{Code: CodeUnauthorized, Message: "admin token: not valid", cause: cause}
}
