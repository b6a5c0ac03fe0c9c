package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// OutsideCredential is what is known of a credential in another system, such as
// an access token of a Gitea user or an API key of an n8n account.
type OutsideCredential struct {
	System       System
	ID           string // [System.IDPrefix] + time-ordered id
	ConnectionID string
	Namespace    string   // of the connection, for as long as it lasts
	RemoteID     string   // id there; "" until it is known
	Name         string   // there; its end is unguessable when made here
	Login        string   // of the account that it belongs to
	UserID       string   // of the account: it stays when the login changes; "" when nobody says
	Scopes       []string // as the system states them; those asked for while it is made
	Ending       string   // of the secret
	// Secret is sealed, and bound to [OutsideAssociatedData]; none of a credential
	// that others made.
	Secret      []byte
	SecretAt    time.Time // since when it is the secret; zero with none
	CollectedAt time.Time // when somebody was given the secret; zero: nobody was

	Owner       string // who answers for it, free text
	Description string
	State       OutsideState
	StateAt     time.Time
	ExpiresAt   time.Time     // it is deleted then; zero: never
	RotateEvery time.Duration // it gets a successor so long after it was made; 0: never
	Overlap     time.Duration // how long it lives beside its successor
	Predecessor string        // the one that it takes over from
	Successor   string        // the one that takes over

	Seen OutsideSeen

	CreatedBy string
	CreatedAt time.Time // when it was asked for, or seen first
	UpdatedAt time.Time
	Version   int64 // of all but Seen
}

// OutsideSeen is what was seen of a credential last. It is no change that
// anybody made: neither audited nor part of the version.
type OutsideSeen struct {
	ListedAt     time.Time // when the system listed it last; zero: never
	ServerScopes []string  // as listed then
	LastUsedAt   time.Time // as the system states it; zero: never, or it does not say
	VerifiedAt   time.Time // zero: never
	Outcome      string    // of the last verification
}

// OutsideState says how a credential stands.
type OutsideState string

// The states. Those that are making, rotating and deleting are intents: what
// the system has may be the one or the other, and a job finds out.
const (
	OutsideMaking   OutsideState = "making"
	OutsideActive   OutsideState = "active"
	OutsideWidened  OutsideState = "widened"  // the system states more scopes than were given
	OutsideMissing  OutsideState = "missing"  // the system has it no more
	OutsideStranger OutsideState = "stranger" // the system has it, and nobody made it here
	OutsideRotating OutsideState = "rotating" // it may have another secret, which nobody holds; where a system can do that
	OutsideDeleting OutsideState = "deleting"
)

// OutsideStates lists those that a credential of the system can have.
func OutsideStates(s System) []OutsideState {
	all := []OutsideState{OutsideMaking, OutsideActive, OutsideWidened, OutsideMissing, OutsideStranger}
	if s == SystemN8N {
		all = append(all, OutsideRotating)
	}
	return append(all, OutsideDeleting)
}

// Lives reports whether the system has the credential, as far as is known.
func (c *OutsideCredential) Lives() bool {
	return c.State == OutsideActive || c.State == OutsideWidened || c.State == OutsideStranger
}

// Numbers are the ids there, in a system where they are numbers; 0 for none.
func (c *OutsideCredential) Numbers() (remote, user int64, err error) {
	if remote, err = numberOf(c.RemoteID); err == nil {
		user, err = numberOf(c.UserID)
	}
	return remote, user, err
}

func numberOf(id string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the id %q is no number", id)
	}
	return n, nil
}

// OutsideAssociatedData is what the sealed secret of a credential is bound to:
// its row, and the connection over which it is tried out.
func OutsideAssociatedData(c *OutsideCredential) []byte {
	table := "gitea_tokens"
	if c.System == SystemN8N {
		table = "n8n_api_keys"
	}
	return []byte(table + "\x00" + c.ConnectionID + "\x00" + c.ID)
}

// The jobs that do what is due for one credential: they end what a crash or a
// lost answer has left, delete a credential whose life is over, and have another
// take over in time.
const (
	KindGiteaToken = "gitea_token"
	KindN8NKey     = "n8n_key"
)

// OutsideKind is that job of a system. The log of audits calls a credential so,
// too.
func (s System) OutsideKind() string {
	switch s {
	case SystemGitea:
		return KindGiteaToken
	case SystemN8N:
		return KindN8NKey
	case SystemCredence:
	}
	return ""
}

// OutsideJob is what does what is due for a credential.
func OutsideJob(c *OutsideCredential, at time.Time) Job {
	args, _ := json.Marshal(map[string]string{"id": c.ID}) // of texts it never fails
	return Job{Kind: c.System.OutsideKind(), Args: args, RunAt: at, Once: true}
}

// OutsideFilter narrows a list of credentials; empty fields do not narrow.
type OutsideFilter struct {
	Scopes       []string // namespaces, "" for those of none
	ConnectionID string
	Login        string
	States       []OutsideState
	Owner        string
}

// OutsideReader reads credentials, each of one other system.
type OutsideReader interface {
	// OutsideCredential MUST answer ErrNotFound when the system has none of that
	// id.
	OutsideCredential(ctx context.Context, system System, id string) (OutsideCredential, error)
	// OutsideCredentials MUST answer only credentials of the system that meet
	// every condition of the filter, and pages that MUST be ordered by id.
	OutsideCredentials(ctx context.Context, system System, filter OutsideFilter, page Page) ([]OutsideCredential, Cursor, error)
}

// OutsideWriter changes credentials inside a transaction.
type OutsideWriter interface {
	// InsertOutsideCredential MUST answer ErrConflict when the id, or the id there
	// over the connection, is taken, and ErrMissingReference when there is no such
	// connection.
	InsertOutsideCredential(ctx context.Context, c OutsideCredential) error
	// UpdateOutsideCredential MUST keep the version rule of UpdateKey, and MUST
	// leave Seen, connection, namespace, name and who made it as they are.
	UpdateOutsideCredential(ctx context.Context, c OutsideCredential) error
	// SetOutsideListed MUST set what a listing says of Seen and nothing else, and
	// nothing of a listing that is older than the one that is stored; of a
	// credential that is gone it MUST answer nil.
	SetOutsideListed(ctx context.Context, system System, id string, listed OutsideSeen) error
	// SetOutsideVerified MUST set what came of trying out the secret that the
	// credential has since secretAt, and nothing else, and answer true. When it
	// has another secret by now, was verified later, or is gone, it MUST change
	// nothing and answer false.
	SetOutsideVerified(ctx context.Context, system System, id string, secretAt time.Time, verified OutsideSeen) (bool, error)
	// DeleteOutsideCredential MUST answer ErrNotFound when there is none and
	// ErrStale on another version.
	DeleteOutsideCredential(ctx context.Context, system System, id string, version int64) error
	// DeleteOutsideCredentials MUST delete all of the system that are known over
	// the connection and answer how many.
	DeleteOutsideCredentials(ctx context.Context, system System, connectionID string) (int, error)
}

// InsertOutsideCredential notes a credential. The data plane need not know.
func (tx *Tx) InsertOutsideCredential(ctx context.Context, c OutsideCredential) error {
	return tx.changed(tx.w.InsertOutsideCredential(ctx, c), Change{})
}

// UpdateOutsideCredential changes what is known of a credential. The data plane
// need not know.
func (tx *Tx) UpdateOutsideCredential(ctx context.Context, c OutsideCredential) error {
	return tx.changed(tx.w.UpdateOutsideCredential(ctx, c), Change{})
}

// DeleteOutsideCredential forgets a credential. The data plane need not know.
func (tx *Tx) DeleteOutsideCredential(ctx context.Context, system System, id string, version int64) error {
	return tx.changed(tx.w.DeleteOutsideCredential(ctx, system, id, version), Change{})
}

// DeleteOutsideCredentials forgets the credentials of a connection. The data
// plane need not know.
func (tx *Tx) DeleteOutsideCredentials(ctx context.Context, system System, connectionID string) (int, error) {
	n, err := tx.w.DeleteOutsideCredentials(ctx, system, connectionID)
	return n, tx.changed(err, Change{})
}

// SetOutsideListed notes what a listing says of a credential. It is no change
// that anybody made, so it needs no audit entry.
func (tx *Tx) SetOutsideListed(ctx context.Context, system System, id string, listed OutsideSeen) error {
	return tx.w.SetOutsideListed(ctx, system, id, listed)
}

// SetOutsideVerified notes what came of trying a secret out. It is no change
// that anybody made, so it needs no audit entry.
func (tx *Tx) SetOutsideVerified(ctx context.Context, system System, id string, secretAt time.Time, verified OutsideSeen) (bool, error) {
	return tx.w.SetOutsideVerified(ctx, system, id, secretAt, verified)
}
