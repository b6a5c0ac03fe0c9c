package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"credence/store"
)

const checkpointColumns = "number, namespace, sequence, kind, entry_hash, at, signature"

func scanCheckpoint(r row, c *store.AuditCheckpoint) error {
	return r.Scan(&c.Number, &c.Namespace, &c.Sequence, &c.Kind, hash{&c.Hash}, instant{&c.At}, &c.Signature)
}

// AuditCheckpoints implements [store.CheckpointReader].
func (r reader) AuditCheckpoints(ctx context.Context, chains []string, page store.Page) ([]store.AuditCheckpoint, store.Cursor, error) {
	var c conditions
	c.anyOf("namespace", chains)
	if number, err := strconv.ParseInt(string(page.After), 10, 64); err == nil {
		c.add("number > ?", number)
	}
	query := c.query("SELECT "+checkpointColumns+" FROM audit_checkpoints", " ORDER BY number LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanCheckpoint)
	if err != nil {
		return nil, "", fmt.Errorf("audit checkpoints: %w", err)
	}
	found, next := cutPage(found, page, func(c *store.AuditCheckpoint) store.Cursor { return store.Cursor(strconv.FormatInt(c.Number, 10)) })
	return found, next, nil
}

// ChainCheckpoints implements [store.CheckpointReader].
func (r reader) ChainCheckpoints(ctx context.Context, namespace string, after int64, limit int) ([]store.AuditCheckpoint, error) {
	found, err := listRows(ctx, r.q,
		"SELECT "+checkpointColumns+" FROM audit_checkpoints WHERE namespace = ? AND number > ? ORDER BY number LIMIT ?",
		[]any{namespace, after, limit}, scanCheckpoint)
	if err != nil {
		return nil, fmt.Errorf("audit checkpoints of %q: %w", namespace, err)
	}
	return found, nil
}

// NewestCheckpoint implements [store.CheckpointReader].
func (r reader) NewestCheckpoint(ctx context.Context, namespace string, kind store.CheckpointKind) (store.AuditCheckpoint, error) {
	return r.checkpoint(ctx, namespace,
		"SELECT "+checkpointColumns+" FROM audit_checkpoints WHERE namespace = ? AND kind = ? ORDER BY sequence DESC LIMIT 1", namespace, kind)
}

// CheckpointBefore implements [store.CheckpointReader].
func (r reader) CheckpointBefore(ctx context.Context, namespace string, before time.Time, through int64) (store.AuditCheckpoint, error) {
	return r.checkpoint(ctx, namespace,
		"SELECT "+checkpointColumns+` FROM audit_checkpoints WHERE namespace = ?1 AND kind = 'head' AND (?3 = 0 OR number <= ?3)
			AND sequence < ifnull((SELECT min(e.sequence) FROM api_key_audit_log AS e WHERE e.namespace = ?1 AND e.at >= ?2), 9223372036854775807)
		ORDER BY sequence DESC LIMIT 1`, namespace, micros(before), through)
}

func (r reader) checkpoint(ctx context.Context, namespace, query string, args ...any) (store.AuditCheckpoint, error) {
	var c store.AuditCheckpoint
	if err := scanCheckpoint(r.q.QueryRowContext(ctx, query, args...), &c); err != nil {
		return store.AuditCheckpoint{}, fmt.Errorf("audit checkpoint of %q: %w", namespace, translate(err))
	}
	return c, nil
}

// UncheckedHeads implements [store.CheckpointReader].
func (r reader) UncheckedHeads(ctx context.Context, page store.Page) ([]store.AuditHead, store.Cursor, error) {
	var c conditions
	c.add("NOT EXISTS (SELECT 1 FROM audit_checkpoints AS c WHERE c.namespace = h.namespace AND c.kind = 'head' AND c.sequence = h.sequence)")
	return r.heads(ctx, c, page)
}

// InsertCheckpoint implements [store.CheckpointWriter].
func (w *writer) InsertCheckpoint(ctx context.Context, c store.AuditCheckpoint) error {
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO audit_checkpoints (namespace, sequence, kind, entry_hash, at, signature) VALUES (?, ?, ?, ?, ?, ?)",
		c.Namespace, c.Sequence, c.Kind, c.Hash[:], micros(c.At), c.Signature)
	if err != nil {
		return fmt.Errorf("insert audit checkpoint at %d of %q: %w", c.Sequence, c.Namespace, translate(err))
	}
	return nil
}

// RemoveAudit implements [store.CheckpointWriter].
func (w *writer) RemoveAudit(ctx context.Context, namespace string) (int, error) {
	n, err := removed(w.tx.ExecContext(ctx,
		`DELETE FROM api_key_audit_log WHERE id IN (SELECT id FROM api_key_audit_log WHERE namespace = ?1 AND sequence <=
			(SELECT max(sequence) FROM audit_checkpoints WHERE namespace = ?1 AND kind = 'retention') ORDER BY sequence LIMIT ?2)`,
		namespace, store.RemoveBatch))
	if err != nil {
		return 0, fmt.Errorf("remove audit entries of %q: %w", namespace, err)
	}
	return n, nil
}

// AuditAnchors implements [store.AnchorReader].
func (r reader) AuditAnchors(ctx context.Context) ([]store.AuditAnchor, error) {
	found, err := listRows(ctx, r.q, "SELECT name, through, held_at, tried_at, failures, problem FROM audit_anchors ORDER BY name",
		nil, func(r row, a *store.AuditAnchor) error {
			return r.Scan(&a.Name, &a.Through, instant{&a.HeldAt}, instant{&a.TriedAt}, &a.Failures, &a.Problem)
		})
	if err != nil {
		return nil, fmt.Errorf("audit anchors: %w", err)
	}
	return found, nil
}

// PutAnchor implements [store.AnchorWriter].
func (w *writer) PutAnchor(ctx context.Context, a store.AuditAnchor) error {
	_, err := w.tx.ExecContext(ctx,
		`INSERT INTO audit_anchors (name, through, held_at, tried_at, failures, problem) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET through = excluded.through, held_at = excluded.held_at, tried_at = excluded.tried_at,
			failures = excluded.failures, problem = excluded.problem`,
		a.Name, a.Through, micros(a.HeldAt), micros(a.TriedAt), a.Failures, a.Problem)
	if err != nil {
		return fmt.Errorf("put audit anchor %q: %w", a.Name, translate(err))
	}
	return nil
}
