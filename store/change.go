package store

import (
	"context"
	"time"

	"credence/store/credential"
)

// Revision grows by one with every change that the data plane must know.
// Zero is the state before the first.
type Revision int64

// ChangeKind says what kind of object a change is about.
type ChangeKind string

// The kinds of change.
const (
	ChangeKey         ChangeKind = "key"
	ChangeOwner       ChangeKind = "owner"
	ChangePlan        ChangeKind = "plan"
	ChangeNamespace   ChangeKind = "namespace"
	ChangeBlacklist   ChangeKind = "blacklist"
	ChangeRoutePolicy ChangeKind = "route_policy"
)

// Change is one row of the feed that the data plane follows.
type Change struct {
	Revision  Revision
	ID        string // random; tells a row from another row of the same revision
	Kind      ChangeKind
	Namespace string
	ObjectID  string          // key id, or the name or id of the object
	Created   bool            // the object is new; negative entries must go
	Hash      credential.Hash // of a key; zero for all others
	At        time.Time
}

// Position is where a replica stands in the feed: the last change it applied.
// The zero Position is the start of an empty feed.
type Position struct {
	Revision Revision
	ID       string
}

// ChangeFeed is how the data plane learns of changes. A push only says "look
// now": the truth is read here.
type ChangeFeed interface {
	// Head MUST answer the position of the newest change, the zero Position
	// when there is none.
	Head(ctx context.Context) (Position, error)
	// ChangesAfter MUST answer at most limit changes after the position, in
	// order of revision and without gaps. It MUST answer ErrFeedGap when the
	// row at a non-zero position is gone or has another id, when the head is
	// lower than the position, or when the position is zero and the first
	// change of all is gone. Both answers MUST come from one snapshot.
	ChangesAfter(ctx context.Context, after Position, limit int) ([]Change, error)
	// Wake MUST return a channel that gets a value (coalesced, never blocking
	// the writer) after a transaction of this process committed changes. The
	// channel is closed and released when ctx ends.
	Wake(ctx context.Context) <-chan struct{}
}

// ChangeWriter records changes inside a transaction; only [Store.InTx] calls it.
type ChangeWriter interface {
	// AppendChanges MUST take the revision counter, give the changes the next
	// revisions in order and random ids, write them, and answer the last.
	// It is the last statement of the transaction.
	AppendChanges(ctx context.Context, changes []Change) (Position, error)
	// PruneChanges MUST delete at most RemoveBatch changes made before the
	// instant, oldest first and never the newest, and answer how many.
	PruneChanges(ctx context.Context, before time.Time) (int, error)
}
