package store

import (
	"context"
	"encoding/json"
	"time"
)

// GiteaToken is what is known of an access token of a Gitea user.
type GiteaToken struct {
	ID           string // GiteaTokenIDPrefix + time-ordered id
	ConnectionID string
	Namespace    string // of the connection, for as long as it lasts
	GiteaTokenID int64  // id on the server; 0 until it is known
	TokenName    string // on the server; unguessable when made here
	Login        string
	UserID       int64    // of Login: it stays when the login changes
	Scopes       []string // as the server states them; those asked for while it is made
	LastEight    string   // of the secret
	// Secret is sealed, and bound to [GiteaTokenAssociatedData]; none of a token
	// that others made.
	Secret      []byte
	SecretAt    time.Time // since when it is the secret; zero with none
	CollectedAt time.Time // when somebody was given the secret; zero: nobody was

	Owner       string // who answers for it, free text
	Description string
	State       GiteaTokenState
	StateAt     time.Time
	ExpiresAt   time.Time     // it is deleted then; zero: never
	RotateEvery time.Duration // it gets a successor so long after it was made; 0: never
	Overlap     time.Duration // how long it lives beside its successor
	Predecessor string        // the token that it takes over from
	Successor   string        // the token that takes over

	Seen GiteaTokenSeen

	CreatedBy string
	CreatedAt time.Time // when it was asked for, or seen first
	UpdatedAt time.Time
	Version   int64 // of all but Seen
}

// GiteaTokenSeen is what was seen of a token last. It is no change that
// anybody made: neither audited nor part of the version.
type GiteaTokenSeen struct {
	ListedAt     time.Time // when the server listed it last; zero: never
	ServerScopes []string  // as listed then
	LastUsedAt   time.Time // as the server states it; zero: never, or it does not say
	VerifiedAt   time.Time // zero: never
	Outcome      string    // of the last verification
}

// GiteaTokenState says how a token stands.
type GiteaTokenState string

// The states. Those that are making and deleting are intents: what the server
// has may be the one or the other, and a job finds out.
const (
	GiteaTokenMaking   GiteaTokenState = "making"
	GiteaTokenActive   GiteaTokenState = "active"
	GiteaTokenWidened  GiteaTokenState = "widened"  // the server states more scopes than were given
	GiteaTokenMissing  GiteaTokenState = "missing"  // the server has it no more
	GiteaTokenStranger GiteaTokenState = "stranger" // the server has it, and nobody made it here
	GiteaTokenDeleting GiteaTokenState = "deleting"
)

// GiteaTokenStates lists them.
func GiteaTokenStates() []GiteaTokenState {
	return []GiteaTokenState{
		GiteaTokenMaking, GiteaTokenActive, GiteaTokenWidened, GiteaTokenMissing, GiteaTokenStranger, GiteaTokenDeleting,
	}
}

// Lives reports whether the server has the token, as far as is known.
func (t *GiteaToken) Lives() bool {
	return t.State == GiteaTokenActive || t.State == GiteaTokenWidened || t.State == GiteaTokenStranger
}

// GiteaTokenAssociatedData is what the sealed secret of a token is bound to: its
// row, and the connection over which it is tried out.
func GiteaTokenAssociatedData(connectionID, id string) []byte {
	return []byte("gitea_tokens\x00" + connectionID + "\x00" + id)
}

// KindGiteaToken is the job that does what is due for one token: it ends what a
// crash or a lost answer has left, deletes a token whose life is over, and has
// another take over in time.
const KindGiteaToken = "gitea_token"

// GiteaTokenJob is that job.
func GiteaTokenJob(id string, at time.Time) Job {
	args, _ := json.Marshal(map[string]string{"id": id}) // of texts it never fails
	return Job{Kind: KindGiteaToken, Args: args, RunAt: at, Once: true}
}

// GiteaTokenFilter narrows a list of tokens; empty fields do not narrow.
type GiteaTokenFilter struct {
	Scopes       []string // namespaces, "" for those of none
	ConnectionID string
	Login        string
	States       []GiteaTokenState
	Owner        string
}

// GiteaTokenReader reads tokens.
type GiteaTokenReader interface {
	// GiteaToken MUST answer ErrNotFound when there is none.
	GiteaToken(ctx context.Context, id string) (GiteaToken, error)
	// GiteaTokens MUST answer only tokens that meet every condition of the
	// filter, and pages that MUST be ordered by id.
	GiteaTokens(ctx context.Context, filter GiteaTokenFilter, page Page) ([]GiteaToken, Cursor, error)
}

// GiteaTokenWriter changes tokens inside a transaction.
type GiteaTokenWriter interface {
	// InsertGiteaToken MUST answer ErrConflict when the id, or the id on the
	// server of the connection, is taken, and ErrMissingReference when there is
	// no such connection.
	InsertGiteaToken(ctx context.Context, t GiteaToken) error
	// UpdateGiteaToken MUST keep the version rule of UpdateKey, and MUST leave
	// Seen, connection, namespace, name and who made it as they are.
	UpdateGiteaToken(ctx context.Context, t GiteaToken) error
	// SetGiteaTokenListed MUST set what a listing says of Seen and nothing else,
	// and nothing of a listing that is older than the one that is stored; of a
	// token that is gone it MUST answer nil.
	SetGiteaTokenListed(ctx context.Context, id string, listed GiteaTokenSeen) error
	// SetGiteaTokenVerified MUST set what came of trying out the secret that the
	// token has since secretAt, and nothing else, and answer true. When it has
	// another secret by now, was verified later, or is gone, it MUST change
	// nothing and answer false.
	SetGiteaTokenVerified(ctx context.Context, id string, secretAt time.Time, verified GiteaTokenSeen) (bool, error)
	// DeleteGiteaToken MUST answer ErrNotFound when there is none and ErrStale
	// on another version.
	DeleteGiteaToken(ctx context.Context, id string, version int64) error
	// DeleteGiteaTokens MUST delete all tokens of the connection and answer how
	// many.
	DeleteGiteaTokens(ctx context.Context, connectionID string) (int, error)
}

// InsertGiteaToken notes a token. The data plane need not know.
func (tx *Tx) InsertGiteaToken(ctx context.Context, t GiteaToken) error {
	return tx.changed(tx.w.InsertGiteaToken(ctx, t), Change{})
}

// UpdateGiteaToken changes what is known of a token. The data plane need not
// know.
func (tx *Tx) UpdateGiteaToken(ctx context.Context, t GiteaToken) error {
	return tx.changed(tx.w.UpdateGiteaToken(ctx, t), Change{})
}

// DeleteGiteaToken forgets a token. The data plane need not know.
func (tx *Tx) DeleteGiteaToken(ctx context.Context, id string, version int64) error {
	return tx.changed(tx.w.DeleteGiteaToken(ctx, id, version), Change{})
}

// DeleteGiteaTokens forgets the tokens of a connection. The data plane need
// not know.
func (tx *Tx) DeleteGiteaTokens(ctx context.Context, connectionID string) (int, error) {
	n, err := tx.w.DeleteGiteaTokens(ctx, connectionID)
	return n, tx.changed(err, Change{})
}

// SetGiteaTokenListed notes what a listing says of a token. It is no change that
// anybody made, so it needs no audit entry.
func (tx *Tx) SetGiteaTokenListed(ctx context.Context, id string, listed GiteaTokenSeen) error {
	return tx.w.SetGiteaTokenListed(ctx, id, listed)
}

// SetGiteaTokenVerified notes what came of trying a secret out. It is no change
// that anybody made, so it needs no audit entry.
func (tx *Tx) SetGiteaTokenVerified(ctx context.Context, id string, secretAt time.Time, verified GiteaTokenSeen) (bool, error) {
	return tx.w.SetGiteaTokenVerified(ctx, id, secretAt, verified)
}
