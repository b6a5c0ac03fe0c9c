package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"credence/management/n8n"
	"credence/store"
)

// n8nSessions keeps the sessions at n8n in the store, sealed.
type n8nSessions struct{ store *store.Store }

// N8NSessions is where the client of n8n keeps its sessions: in the store, so
// that all control planes share one login, and one survives a restart.
func N8NSessions(s *store.Store) n8n.Sessions { return n8nSessions{s} }

// LoadSession implements [n8n.Sessions]. Of another version of the connection
// only the pause between logins counts: whoever changes a connection may not
// log in more often for it. One that does not open is none: after the next
// login there is another.
func (k n8nSessions) LoadSession(ctx context.Context, connectionID string, version int64) (n8n.Session, error) {
	is, err := k.store.N8NSession(ctx, connectionID)
	if errors.Is(err, store.ErrNotFound) {
		return n8n.Session{}, nil
	}
	if err != nil {
		return n8n.Session{}, err
	}
	var s n8n.Session
	plain, err := k.store.Open(is.Session, store.N8NSessionAssociatedData(connectionID))
	if err != nil || json.Unmarshal(plain, &s) != nil {
		return n8n.Session{}, nil //nolint:nilerr // see above
	}
	if is.Version != version {
		return n8n.Session{NotBefore: s.NotBefore}, nil
	}
	return s, nil
}

// SaveSession implements [n8n.Sessions].
func (k n8nSessions) SaveSession(ctx context.Context, connectionID string, version int64, s n8n.Session) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("n8n session: %w", err)
	}
	sealed, err := k.store.Seal(plain, store.N8NSessionAssociatedData(connectionID))
	if err != nil {
		return fmt.Errorf("n8n session: %w", err)
	}
	return k.store.PutN8NSession(ctx, store.N8NSession{ConnectionID: connectionID, Version: version, Session: sealed})
}
