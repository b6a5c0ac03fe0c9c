package management

import (
	"context"

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
// there is any token already, it answers [CodeConflict].
func (s *Service) TokenBootstrap(ctx context.Context, in TokenBootstrap) (TokenBootstrapped, error) {
	return TokenBootstrapped{}, errUnwritten
}
