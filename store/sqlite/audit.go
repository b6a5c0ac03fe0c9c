package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

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

// AuditEntry implements [store.AuditReader].
func (r reader) AuditEntry(ctx context.Context, namespace string, sequence int64) (store.AuditEntry, error) {
	var e store.AuditEntry
	err := scanAuditEntry(r.q.QueryRowContext(ctx,
		"SELECT "+auditColumns+" FROM api_key_audit_log WHERE namespace = ? AND sequence = ?", namespace, sequence), &e)
	if err != nil {
		return store.AuditEntry{}, fmt.Errorf("audit entry %d of %q: %w", sequence, namespace, translate(err))
	}
	return e, nil
}

// numbered is an entry with its place among all entries.
type numbered struct {
	store.AuditEntry

	id int64
}

func scanNumbered(r row, n *numbered) error {
	e := &n.AuditEntry
	return r.Scan(&n.id, &e.Namespace, &e.Sequence, instant{&e.At}, &e.Actor, &e.Action, &e.Object, optionalText{&e.KeyID},
		address{&e.IPAddress}, &e.RequestID, &e.Details, hash{&e.Previous}, hash{&e.Hash})
}

// AuditLog implements [store.AuditReader]. There is one writer at a time, so
// ids grow in the order of the commits.
func (r reader) AuditLog(ctx context.Context, of store.AuditFilter, page store.Page) ([]store.AuditEntry, store.Cursor, error) {
	c := auditConditions(&of)
	if id, err := strconv.ParseInt(string(page.After), 10, 64); err == nil {
		c.add("id < ?", id)
	}
	query := c.query("SELECT id, "+auditColumns+" FROM api_key_audit_log", " ORDER BY id DESC LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanNumbered)
	if err != nil {
		return nil, "", fmt.Errorf("audit log: %w", err)
	}
	found, next := cutPage(found, page, func(n *numbered) store.Cursor { return store.Cursor(strconv.FormatInt(n.id, 10)) })
	return entriesOf(found), next, nil
}

func auditConditions(of *store.AuditFilter) conditions {
	var c conditions
	c.anyOf("namespace", of.Chains)
	for _, equal := range [][2]string{{"key_id = ?", of.KeyID}, {"actor = ?", of.Actor}, {"action = ?", of.Action}, {"object = ?", of.Object}} {
		if equal[1] != "" {
			c.add(equal[0], equal[1])
		}
	}
	if !of.Since.IsZero() {
		c.add("at >= ?", micros(of.Since))
	}
	if !of.Until.IsZero() {
		c.add("at < ?", micros(of.Until))
	}
	return c
}

// AuditCounts implements [store.AuditReader].
func (r reader) AuditCounts(ctx context.Context, of store.AuditFilter, limit int) ([]store.AuditCount, error) {
	c := auditConditions(&of)
	found, err := listRows(ctx, r.q, c.query("SELECT action, count(*) FROM api_key_audit_log", " GROUP BY action ORDER BY count(*) DESC, action LIMIT ?"),
		append(c.args, limit), func(r row, n *store.AuditCount) error { return r.Scan(&n.Action, &n.Entries) })
	if err != nil {
		return nil, fmt.Errorf("count audit entries: %w", err)
	}
	return found, nil
}

func entriesOf(found []numbered) []store.AuditEntry {
	entries := make([]store.AuditEntry, len(found))
	for i := range found {
		entries[i] = found[i].AuditEntry
	}
	return entries
}

// AuditHeads implements [store.AuditReader]. The cursor is the namespace with
// a mark before it, since one of them is empty.
func (r reader) AuditHeads(ctx context.Context, page store.Page) ([]store.AuditHead, store.Cursor, error) {
	return r.heads(ctx, conditions{}, page)
}

func (r reader) heads(ctx context.Context, c conditions, page store.Page) ([]store.AuditHead, store.Cursor, error) {
	if page.After != "" {
		c.add("h.namespace > ?", string(page.After[1:]))
	}
	query := c.query("SELECT h.namespace, h.sequence, h.entry_hash FROM audit_heads AS h", " ORDER BY h.namespace LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), func(r row, h *store.AuditHead) error {
		return r.Scan(&h.Namespace, &h.Sequence, hash{&h.Hash})
	})
	if err != nil {
		return nil, "", fmt.Errorf("audit heads: %w", err)
	}
	found, next := cutPage(found, page, func(h *store.AuditHead) store.Cursor { return store.Cursor("=" + h.Namespace) })
	return found, next, nil
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
func (w *writer) AppendAudit(ctx context.Context, entries ...store.AuditEntry) error {
	for i := range entries {
		if err := w.appendAudit(ctx, &entries[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) appendAudit(ctx context.Context, e *store.AuditEntry) error {
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
