package postgres

import (
	"context"
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
		"SELECT "+auditColumns+" FROM credence.api_key_audit_log WHERE namespace = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
		[]any{namespace, after, limit}, scanAuditEntry)
	if err != nil {
		return nil, fmt.Errorf("audit entries of %q: %w", namespace, err)
	}
	return found, nil
}

// AuditHead implements [store.AuditWriter]. The transaction is the only one
// that writes, so it holds the lock already.
func (w *writer) AuditHead(ctx context.Context, namespace string) (sequence int64, head [32]byte, err error) {
	err = orZero(w.q.value(ctx, "SELECT sequence, entry_hash FROM credence.audit_heads WHERE namespace = $1",
		[]any{namespace}, &sequence, hash{&head}))
	if err != nil {
		return 0, head, fmt.Errorf("audit head of %q: %w", namespace, err)
	}
	return sequence, head, nil
}

// AppendAudit implements [store.AuditWriter]. One statement writes the entry
// and moves the head.
func (w *writer) AppendAudit(ctx context.Context, e store.AuditEntry) error {
	_, err := w.q.exec(ctx,
		`WITH entry AS (
			INSERT INTO credence.api_key_audit_log (`+auditColumns+`)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		)
		INSERT INTO credence.audit_heads (namespace, sequence, entry_hash) VALUES ($1, $2, $12)
		ON CONFLICT (namespace) DO UPDATE SET sequence = excluded.sequence, entry_hash = excluded.entry_hash`,
		e.Namespace, e.Sequence, timeOrNull(e.At), e.Actor, e.Action, e.Object, textOrNull(e.KeyID), addressOrNull(e.IPAddress),
		e.RequestID, bytesOrNull(e.Details), e.Previous[:], e.Hash[:])
	if err != nil {
		return fmt.Errorf("append audit entry %d of %q: %w", e.Sequence, e.Namespace, err)
	}
	return nil
}
