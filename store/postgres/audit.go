package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
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
		"SELECT "+auditColumns+" FROM credence.api_key_audit_log WHERE namespace = $1 AND sequence > $2 ORDER BY sequence LIMIT $3",
		[]any{namespace, after, limit}, scanAuditEntry)
	if err != nil {
		return nil, fmt.Errorf("audit entries of %q: %w", namespace, err)
	}
	return found, nil
}

// AuditEntry implements [store.AuditReader].
func (r reader) AuditEntry(ctx context.Context, namespace string, sequence int64) (store.AuditEntry, error) {
	var e store.AuditEntry
	err := r.q.row(ctx, "SELECT "+auditColumns+" FROM credence.api_key_audit_log WHERE namespace = $1 AND sequence = $2",
		[]any{namespace, sequence}, func(r row) error { return scanAuditEntry(r, &e) })
	if err != nil {
		return store.AuditEntry{}, fmt.Errorf("audit entry %d of %q: %w", sequence, namespace, err)
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
		c.add("id < " + c.arg(id))
	}
	query := c.query("SELECT id, "+auditColumns+" FROM credence.api_key_audit_log", "id DESC", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanNumbered)
	if err != nil {
		return nil, "", fmt.Errorf("audit log: %w", err)
	}
	found, next := cutPage(found, page, func(n *numbered) store.Cursor { return store.Cursor(strconv.FormatInt(n.id, 10)) })
	return entriesOf(found), next, nil
}

func auditConditions(of *store.AuditFilter) conditions {
	var c conditions
	c.anyOf("namespace", of.Chains)
	for _, equal := range [][2]string{{"key_id", of.KeyID}, {"actor", of.Actor}, {"action", of.Action}, {"object", of.Object}} {
		if equal[1] != "" {
			c.add(equal[0] + " = " + c.arg(equal[1]))
		}
	}
	if !of.Since.IsZero() {
		c.add("at >= " + c.arg(of.Since))
	}
	if !of.Until.IsZero() {
		c.add("at < " + c.arg(of.Until))
	}
	return c
}

// AuditCounts implements [store.AuditReader].
func (r reader) AuditCounts(ctx context.Context, of store.AuditFilter, limit int) ([]store.AuditCount, error) {
	c := auditConditions(&of)
	query := "SELECT action, count(*) FROM credence.api_key_audit_log" + c.where() + " GROUP BY action ORDER BY count(*) DESC, action LIMIT " + c.arg(limit)
	found, err := listRows(ctx, r.q, query, c.args, func(r row, n *store.AuditCount) error { return r.Scan(&n.Action, &n.Entries) })
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
		c.add("h.namespace > " + c.arg(string(page.After[1:])))
	}
	query := c.query("SELECT h.namespace, h.sequence, h.entry_hash FROM credence.audit_heads AS h", "h.namespace", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, func(r row, h *store.AuditHead) error {
		return r.Scan(&h.Namespace, &h.Sequence, hash{&h.Hash})
	})
	if err != nil {
		return nil, "", fmt.Errorf("audit heads: %w", err)
	}
	found, next := cutPage(found, page, func(h *store.AuditHead) store.Cursor { return store.Cursor("=" + h.Namespace) })
	return found, next, nil
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

const appendAudit = "INSERT INTO credence.api_key_audit_log (" + auditColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

const moveAuditHead = `INSERT INTO credence.audit_heads (namespace, sequence, entry_hash) VALUES ($1, $2, $3)
	ON CONFLICT (namespace) DO UPDATE SET sequence = excluded.sequence, entry_hash = excluded.entry_hash`

// AppendAudit implements [store.AuditWriter]. Each head is moved once: a row
// that one transaction writes hundreds of times costs more with each.
func (w *writer) AppendAudit(ctx context.Context, entries ...store.AuditEntry) error {
	heads := map[string][]any{}
	rows := make([][]any, len(entries))
	for i := range entries {
		e := &entries[i]
		rows[i] = []any{
			e.Namespace, e.Sequence, timeOrNull(e.At), e.Actor, e.Action, e.Object, textOrNull(e.KeyID), addressOrNull(e.IPAddress),
			e.RequestID, bytesOrNull(e.Details), e.Previous[:], e.Hash[:],
		}
		heads[e.Namespace] = []any{e.Namespace, e.Sequence, e.Hash[:]}
	}
	var moves [][]any
	for _, namespace := range slices.Sorted(maps.Keys(heads)) {
		moves = append(moves, heads[namespace])
	}
	if err := w.batch(ctx, statements{appendAudit, rows}, statements{moveAuditHead, moves}); err != nil {
		return fmt.Errorf("append %d audit entries: %w", len(entries), err)
	}
	return nil
}
