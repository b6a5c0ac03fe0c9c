package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

// N8NSession implements [store.N8NSessionReader].
func (r reader) N8NSession(ctx context.Context, connectionID string) (store.N8NSession, error) {
	var s store.N8NSession
	err := r.q.row(ctx, "SELECT connection_id, version, session FROM credence.n8n_sessions WHERE connection_id = $1", []any{connectionID},
		func(r row) error { return r.Scan(&s.ConnectionID, &s.Version, &s.Session) })
	if err != nil {
		return store.N8NSession{}, fmt.Errorf("n8n session of %q: %w", connectionID, err)
	}
	return s, nil
}

// PutN8NSession implements [store.N8NSessionWriter].
func (w *writer) PutN8NSession(ctx context.Context, s store.N8NSession) error {
	_, err := w.q.exec(ctx, `INSERT INTO credence.n8n_sessions (connection_id, version, session)
		SELECT connection_id, $1, $2 FROM credence.connections WHERE connection_id = $3
		ON CONFLICT (connection_id) DO UPDATE SET version = excluded.version, session = excluded.session`,
		s.Version, s.Session, s.ConnectionID)
	if err != nil {
		return fmt.Errorf("n8n session of %q: %w", s.ConnectionID, err)
	}
	return nil
}
