package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"credence/store"
)

const auditColumns = `namespace, sequence, at, actor, action, object, key_id, ip_address, request_id, details,
	previous_hash, entry_hash`

func scanAuditEntry(r row, e *store.AuditEntry) error {
	return r.Scan(&e.Namespace, &e.Sequence, instant{&e.At}, &e.Actor, &e.Action, &e.Object, optionalText{&e.KeyID},
		address{&e.IPAddress}, &e.RequestID, &e.Details, hash{&e.Previous}, hash{&e.Hash})
}

// AuditEntries implements [store.AuditReader].
func (r reader) AuditEntries(ctx context.Context, namespace string, after int64, limit int) ([]store.AuditEntry, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+auditColumns+" FROM api_key_audit_log WHERE namespace = ? AND sequence > ? ORDER BY sequence LIMIT ?",
		[]any{namespace, after, limit}, scanAuditEntry)
	if err != nil {
		return nil, fmt.Errorf("audit entries of %q: %w", namespace, err)
	}
	return found, nil
}

// AuditHead implements [store.AuditWriter]. The transaction is immediate, so
// it holds the lock already.
func (w *writer) AuditHead(ctx context.Context, namespace string) (sequence int64, head [32]byte, err error) {
	err = w.tx.QueryRowContext(ctx,
		"SELECT sequence, entry_hash FROM audit_heads WHERE namespace = ?", namespace).Scan(&sequence, hash{&head})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, head, fmt.Errorf("audit head of %q: %w", namespace, translate(err))
	}
	return sequence, head, nil
}

// AppendAudit implements [store.AuditWriter].
func (w *writer) AppendAudit(ctx context.Context, e store.AuditEntry) error {
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO api_key_audit_log ("+auditColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		e.Namespace, e.Sequence, micros(e.At), e.Actor, e.Action, e.Object, textOrNull(e.KeyID), addressText(e.IPAddress),
		e.RequestID, bytesOrNull(e.Details), e.Previous[:], e.Hash[:])
	if err != nil {
		return fmt.Errorf("append audit entry %d of %q: %w", e.Sequence, e.Namespace, translate(err))
	}
	_, err = w.tx.ExecContext(ctx,
		`INSERT INTO audit_heads (namespace, sequence, entry_hash) VALUES (?, ?, ?)
		ON CONFLICT (namespace) DO UPDATE SET sequence = excluded.sequence, entry_hash = excluded.entry_hash`,
		e.Namespace, e.Sequence, e.Hash[:])
	if err != nil {
		return fmt.Errorf("move audit head of %q: %w", e.Namespace, translate(err))
	}
	return nil
}
