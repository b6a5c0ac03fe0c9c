package store

import "context"

// N8NSession is the session at an n8n that all who use a connection share. It
// belongs to a version of the connection.
type N8NSession struct {
	ConnectionID string
	Version      int64  // of the connection
	Session      []byte // sealed, and bound to [N8NSessionAssociatedData]
}

// N8NSessionAssociatedData is what the sealed session of a connection is bound
// to.
func N8NSessionAssociatedData(connectionID string) []byte {
	return []byte("n8n_sessions\x00" + connectionID)
}

// N8NSessionReader reads sessions.
type N8NSessionReader interface {
	// N8NSession MUST answer ErrNotFound when there is none.
	N8NSession(ctx context.Context, connectionID string) (N8NSession, error)
}

// N8NSessionWriter keeps sessions inside a transaction.
type N8NSessionWriter interface {
	// PutN8NSession MUST put the session in place of the one of the connection,
	// and MUST answer nil for a connection that is gone.
	PutN8NSession(ctx context.Context, s N8NSession) error
}

// PutN8NSession keeps a session. It is no change that anybody made.
func (s *Store) PutN8NSession(ctx context.Context, is N8NSession) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.PutN8NSession(ctx, is) })
}
