package store

import (
	"context"
	"fmt"
	"time"
)

// Connection is the way to another program whose credentials are managed here,
// and what it may be used for.
type Connection struct {
	ID          string // ConnectionIDPrefix + time-ordered id
	Kind        ConnectionKind
	Name        string // unique among those of the kind
	Namespace   string // whose actors may use it; "": only global ones
	Description string
	URL         string // base URL; may have a path
	Account     string // that the credential belongs to
	// Credential is sealed, and bound to [ConnectionAssociatedData].
	Credential []byte
	CA         string // authorities to trust there, PEM; "": those of the process
	ServerName string // that its certificate must bear; "": the host of URL

	Logins   []string          // accounts it may be used for
	Scopes   []string          // the widest that it may give
	Settings map[string]string // of the kind

	State       ConnectionState
	StateReason ConnectionReason // why it is paused
	StateAt     time.Time        // since when

	Seen ConnectionSeen

	CreatedBy string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64 // of all but Seen
}

// ConnectionSeen is what was seen at the last check that reached the program.
// It is no change that anybody made: neither audited nor part of the version.
type ConnectionSeen struct {
	At            time.Time // zero: never
	ServerVersion string
}

// ConnectionKind is the program that a connection leads to.
type ConnectionKind string

// The kinds.
const (
	ConnectionGitea ConnectionKind = "gitea"
	ConnectionN8N   ConnectionKind = "n8n"
)

// System is that program, as a place where credentials are.
func (k ConnectionKind) System() System { return System(k) }

// OwnAccount reports whether the credentials are those of the account that a
// connection logs in with; else they are those of its logins.
func (k ConnectionKind) OwnAccount() bool { return k == ConnectionN8N }

// ConnectionState says whether a connection is used.
type ConnectionState string

// The states.
const (
	ConnectionActive ConnectionState = "active"
	ConnectionPaused ConnectionState = "paused"
)

// ConnectionReason is why a connection is paused.
type ConnectionReason string

// The reasons.
const (
	ConnectionRejected ConnectionReason = "credential_rejected" // the program did not accept the credential
	ConnectionByPerson ConnectionReason = "by_person"           // somebody said so
)

// Usable reports whether the connection is used.
func (c *Connection) Usable() bool { return c.State == ConnectionActive }

// ConnectionAssociatedData is what the sealed credential of a connection is
// bound to: its row, the place that it is sent to, how that proves who it is,
// and whose it is; so nobody who can write to the database can have it sent
// elsewhere.
func ConnectionAssociatedData(c *Connection) []byte {
	return fmt.Appendf(nil, "connections\x00%q %q %q %q %q %q", c.ID, c.Kind, c.URL, c.Account, c.ServerName, c.CA)
}

// ConnectionReader reads connections.
type ConnectionReader interface {
	// Connection MUST answer ErrNotFound when there is none.
	Connection(ctx context.Context, id string) (Connection, error)
	// ConnectionNamed MUST answer the one of the kind and name, ErrNotFound when
	// there is none.
	ConnectionNamed(ctx context.Context, kind ConnectionKind, name string) (Connection, error)
	// Connections MUST answer pages ordered by name, of the kind and of the
	// scopes only ("" names those of no namespace); no scopes: all.
	Connections(ctx context.Context, kind ConnectionKind, scopes []string, page Page) ([]Connection, Cursor, error)
}

// ConnectionWriter changes connections inside a transaction.
type ConnectionWriter interface {
	// InsertConnection MUST answer ErrConflict when the id, or the name among
	// the kind, is taken, and ErrMissingReference when there is no such
	// namespace.
	InsertConnection(ctx context.Context, c Connection) error
	// UpdateConnection MUST keep the version rule of UpdateKey, and MUST leave
	// Seen, kind, name, namespace and who made it as they are.
	UpdateConnection(ctx context.Context, c Connection) error
	// SetConnectionSeen MUST set Seen and nothing else; of a connection that is
	// gone it MUST answer nil.
	SetConnectionSeen(ctx context.Context, id string, seen ConnectionSeen) error
	// DeleteConnection MUST answer ErrNotFound when there is none and ErrStale
	// on another version.
	DeleteConnection(ctx context.Context, id string, version int64) error
}

// InsertConnection makes a connection. The data plane need not know.
func (tx *Tx) InsertConnection(ctx context.Context, c Connection) error {
	return tx.changed(tx.w.InsertConnection(ctx, c), Change{})
}

// UpdateConnection changes a connection. The data plane need not know.
func (tx *Tx) UpdateConnection(ctx context.Context, c Connection) error {
	return tx.changed(tx.w.UpdateConnection(ctx, c), Change{})
}

// DeleteConnection removes a connection. The data plane need not know.
func (tx *Tx) DeleteConnection(ctx context.Context, id string, version int64) error {
	return tx.changed(tx.w.DeleteConnection(ctx, id, version), Change{})
}

// SetConnectionSeen notes what a check saw. The data plane need not know.
func (tx *Tx) SetConnectionSeen(ctx context.Context, id string, seen ConnectionSeen) error {
	return tx.changed(tx.w.SetConnectionSeen(ctx, id, seen), Change{})
}
