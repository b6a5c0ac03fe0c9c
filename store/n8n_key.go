package store

import (
	"context"
	"encoding/json"
	"time"
)

// N8NKey is what is known of an API key of an n8n account.
type N8NKey struct {
	ID           string // N8NKeyIDPrefix + time-ordered id
	ConnectionID string
	Namespace    string   // of the connection, for as long as it lasts
	N8NKeyID     string   // id on the server; "" until it is known
	Label        string   // on the server; its end is unguessable when made here
	Login        string   // e-mail of the account
	UserID       string   // of the account: it stays when the e-mail changes
	Scopes       []string // as the server states them; those asked for while it is made
	LastFour     string   // of the secret
	// Secret is sealed, and bound to [N8NKeyAssociatedData]; none of a key that
	// others made.
	Secret      []byte
	SecretAt    time.Time // since when it is the secret; zero with none
	CollectedAt time.Time // when somebody was given the secret; zero: nobody was

	Owner       string // who answers for it, free text
	Description string
	State       N8NKeyState
	StateAt     time.Time
	ExpiresAt   time.Time     // it is deleted then; zero: never
	RotateEvery time.Duration // it gets a successor so long after it was made; 0: never
	Overlap     time.Duration // how long it lives beside its successor
	Predecessor string        // the key that it takes over from
	Successor   string        // the key that takes over

	Seen N8NKeySeen

	CreatedBy string
	CreatedAt time.Time // when it was asked for, or seen first
	UpdatedAt time.Time
	Version   int64 // of all but Seen
}

// N8NKeySeen is what was seen of a key last. It is no change that
// anybody made: neither audited nor part of the version.
type N8NKeySeen struct {
	ListedAt     time.Time // when the server listed it last; zero: never
	ServerScopes []string  // as listed then
	LastUsedAt   time.Time // as the server states it; zero: never, or it does not say
	VerifiedAt   time.Time // zero: never
	Outcome      string    // of the last verification
}

// N8NKeyState says how a key stands.
type N8NKeyState string

// The states. Those that are making, rotating and deleting are intents: what
// the server has may be the one or the other, and a job finds out.
const (
	N8NKeyMaking   N8NKeyState = "making"
	N8NKeyActive   N8NKeyState = "active"
	N8NKeyWidened  N8NKeyState = "widened"  // the server states more scopes than were given
	N8NKeyMissing  N8NKeyState = "missing"  // the server has it no more
	N8NKeyStranger N8NKeyState = "stranger" // the server has it, and nobody made it here
	N8NKeyRotating N8NKeyState = "rotating" // it may have another secret, which nobody holds
	N8NKeyDeleting N8NKeyState = "deleting"
)

// N8NKeyStates lists them.
func N8NKeyStates() []N8NKeyState {
	return []N8NKeyState{
		N8NKeyMaking, N8NKeyActive, N8NKeyWidened, N8NKeyMissing, N8NKeyStranger, N8NKeyRotating, N8NKeyDeleting,
	}
}

// Lives reports whether the server has the key, as far as is known.
func (k *N8NKey) Lives() bool {
	return k.State == N8NKeyActive || k.State == N8NKeyWidened || k.State == N8NKeyStranger
}

// N8NKeyAssociatedData is what the sealed secret of a key is bound to: its
// row, and the connection over which it is tried out.
func N8NKeyAssociatedData(connectionID, id string) []byte {
	return []byte("n8n_api_keys\x00" + connectionID + "\x00" + id)
}

// KindN8NKey is the job that does what is due for one key: it ends what a
// crash or a lost answer has left, deletes a key whose life is over, and has
// another take over in time.
const KindN8NKey = "n8n_key"

// N8NKeyJob is that job.
func N8NKeyJob(id string, at time.Time) Job {
	args, _ := json.Marshal(map[string]string{"id": id}) // of texts it never fails
	return Job{Kind: KindN8NKey, Args: args, RunAt: at, Once: true}
}

// N8NKeyFilter narrows a list of keys; empty fields do not narrow.
type N8NKeyFilter struct {
	Scopes       []string // namespaces, "" for those of none
	ConnectionID string
	Login        string
	States       []N8NKeyState
	Owner        string
}

// N8NKeyReader reads keys.
type N8NKeyReader interface {
	// N8NKey MUST answer ErrNotFound when there is none.
	N8NKey(ctx context.Context, id string) (N8NKey, error)
	// N8NKeys MUST answer only keys that meet every condition of the
	// filter, and pages that MUST be ordered by id.
	N8NKeys(ctx context.Context, filter N8NKeyFilter, page Page) ([]N8NKey, Cursor, error)
}

// N8NKeyWriter changes keys inside a transaction.
type N8NKeyWriter interface {
	// InsertN8NKey MUST answer ErrConflict when the id, or the id on the
	// server of the connection, is taken, and ErrMissingReference when there is
	// no such connection.
	InsertN8NKey(ctx context.Context, t N8NKey) error
	// UpdateN8NKey MUST keep the version rule of UpdateKey, and MUST leave
	// Seen, connection, namespace, name and who made it as they are.
	UpdateN8NKey(ctx context.Context, t N8NKey) error
	// SetN8NKeyListed MUST set what a listing says of Seen and nothing else,
	// and nothing of a listing that is older than the one that is stored; of a
	// key that is gone it MUST answer nil.
	SetN8NKeyListed(ctx context.Context, id string, listed N8NKeySeen) error
	// SetN8NKeyVerified MUST set what came of trying out the secret that the
	// key has since secretAt, and nothing else, and answer true. When it has
	// another secret by now, was verified later, or is gone, it MUST change
	// nothing and answer false.
	SetN8NKeyVerified(ctx context.Context, id string, secretAt time.Time, verified N8NKeySeen) (bool, error)
	// DeleteN8NKey MUST answer ErrNotFound when there is none and ErrStale
	// on another version.
	DeleteN8NKey(ctx context.Context, id string, version int64) error
	// DeleteN8NKeys MUST delete all keys of the connection and answer how
	// many.
	DeleteN8NKeys(ctx context.Context, connectionID string) (int, error)
}

// InsertN8NKey notes a key. The data plane need not know.
func (tx *Tx) InsertN8NKey(ctx context.Context, t N8NKey) error {
	return tx.changed(tx.w.InsertN8NKey(ctx, t), Change{})
}

// UpdateN8NKey changes what is known of a key. The data plane need not
// know.
func (tx *Tx) UpdateN8NKey(ctx context.Context, t N8NKey) error {
	return tx.changed(tx.w.UpdateN8NKey(ctx, t), Change{})
}

// DeleteN8NKey forgets a key. The data plane need not know.
func (tx *Tx) DeleteN8NKey(ctx context.Context, id string, version int64) error {
	return tx.changed(tx.w.DeleteN8NKey(ctx, id, version), Change{})
}

// DeleteN8NKeys forgets the keys of a connection. The data plane need
// not know.
func (tx *Tx) DeleteN8NKeys(ctx context.Context, connectionID string) (int, error) {
	n, err := tx.w.DeleteN8NKeys(ctx, connectionID)
	return n, tx.changed(err, Change{})
}

// SetN8NKeyListed notes what a listing says of a key. It is no change that
// anybody made, so it needs no audit entry.
func (tx *Tx) SetN8NKeyListed(ctx context.Context, id string, listed N8NKeySeen) error {
	return tx.w.SetN8NKeyListed(ctx, id, listed)
}

// SetN8NKeyVerified notes what came of trying a secret out. It is no change
// that anybody made, so it needs no audit entry.
func (tx *Tx) SetN8NKeyVerified(ctx context.Context, id string, secretAt time.Time, verified N8NKeySeen) (bool, error) {
	return tx.w.SetN8NKeyVerified(ctx, id, secretAt, verified)
}
