package postgres

import (
	"context"
	"fmt"

	"credence/store"
)

const blacklistColumns = "id, namespace, network, reason, source, ends_at, created_by, created_at"

func scanBlacklistRule(r row, b *store.BlacklistRule) error {
	return r.Scan(&b.ID, optionalText{&b.Namespace}, &b.Network, &b.Reason, &b.Source,
		instant{&b.EndsAt}, &b.CreatedBy, instant{&b.CreatedAt})
}

// BlacklistRule implements [store.BlacklistReader].
func (r reader) BlacklistRule(ctx context.Context, id string) (store.BlacklistRule, error) {
	var b store.BlacklistRule
	err := r.q.row(ctx, "SELECT "+blacklistColumns+" FROM credence.ip_blacklist WHERE id = $1", []any{id},
		func(r row) error { return scanBlacklistRule(r, &b) })
	if err != nil {
		return store.BlacklistRule{}, fmt.Errorf("blacklist rule %q: %w", id, err)
	}
	return b, nil
}

// BlacklistRules implements [store.BlacklistReader].
func (r reader) BlacklistRules(ctx context.Context, scopes []string, page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	var c conditions
	c.anyOf("coalesce(namespace, '')", scopes)
	if page.After != "" {
		c.add("id > " + c.arg(string(page.After)))
	}
	query := c.query("SELECT "+blacklistColumns+" FROM credence.ip_blacklist", "id", page.Size()+1)
	found, err := listRows(ctx, r.q, query, c.args, scanBlacklistRule)
	if err != nil {
		return nil, "", fmt.Errorf("blacklist rules: %w", err)
	}
	found, next := cutPage(found, page, func(b *store.BlacklistRule) store.Cursor { return store.Cursor(b.ID) })
	return found, next, nil
}

// CountBlacklistRules implements [store.BlacklistCounter].
func (r reader) CountBlacklistRules(ctx context.Context, namespace string) (own, all int, err error) {
	err = r.q.row(ctx, "SELECT count(*) FILTER (WHERE coalesce(namespace, '') = $1), count(*) FROM credence.ip_blacklist",
		[]any{namespace}, func(r row) error { return r.Scan(&own, &all) })
	if err != nil {
		return 0, 0, fmt.Errorf("count blacklist rules: %w", err)
	}
	return own, all, nil
}

// InsertBlacklistRule implements [store.BlacklistWriter].
func (w *writer) InsertBlacklistRule(ctx context.Context, b store.BlacklistRule) error {
	if _, err := w.q.exec(ctx, insertBlacklistRule, insertBlacklistArgs(&b)...); err != nil {
		return fmt.Errorf("insert blacklist rule for %s: %w", b.Network, err)
	}
	return nil
}

const insertBlacklistRule = "INSERT INTO credence.ip_blacklist (" + blacklistColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"

func insertBlacklistArgs(b *store.BlacklistRule) []any {
	return []any{
		b.ID, textOrNull(b.Namespace), b.Network, b.Reason, b.Source, timeOrNull(b.EndsAt), b.CreatedBy, timeOrNull(b.CreatedAt),
	}
}

// InsertBlacklistRules implements [store.BlacklistWriter].
func (w *writer) InsertBlacklistRules(ctx context.Context, rules []store.BlacklistRule) error {
	rows := make([][]any, len(rules))
	for i := range rules {
		rows[i] = insertBlacklistArgs(&rules[i])
	}
	if err := w.batch(ctx, statements{insertBlacklistRule, rows}); err != nil {
		return fmt.Errorf("insert %d blacklist rules: %w", len(rules), err)
	}
	return nil
}

// DeleteBlacklistRule implements [store.BlacklistWriter].
func (w *writer) DeleteBlacklistRule(ctx context.Context, id string) error {
	if err := found(w.q.exec(ctx, "DELETE FROM credence.ip_blacklist WHERE id = $1", id)); err != nil {
		return fmt.Errorf("delete blacklist rule %q: %w", id, err)
	}
	return nil
}
