package sqlite

import (
	"context"
	"fmt"

	"credence/store"
)

const blacklistColumns = "id, namespace, network, reason, source, ends_at, created_by, created_at"

func scanBlacklistRule(r row, b *store.BlacklistRule) error {
	return r.Scan(&b.ID, optionalText{&b.Namespace}, network{&b.Network}, &b.Reason, &b.Source,
		instant{&b.EndsAt}, &b.CreatedBy, instant{&b.CreatedAt})
}

// BlacklistRule implements [store.BlacklistReader].
func (r reader) BlacklistRule(ctx context.Context, id string) (store.BlacklistRule, error) {
	var b store.BlacklistRule
	err := scanBlacklistRule(r.q.QueryRowContext(ctx, "SELECT "+blacklistColumns+" FROM ip_blacklist WHERE id = ?", id), &b)
	if err != nil {
		return store.BlacklistRule{}, fmt.Errorf("blacklist rule %q: %w", id, translate(err))
	}
	return b, nil
}

// BlacklistRules implements [store.BlacklistReader].
func (r reader) BlacklistRules(ctx context.Context, scopes []string, page store.Page) ([]store.BlacklistRule, store.Cursor, error) {
	var c conditions
	c.anyOf("ifnull(namespace, '')", scopes)
	if page.After != "" {
		c.add("id > ?", string(page.After))
	}
	query := c.query("SELECT "+blacklistColumns+" FROM ip_blacklist", " ORDER BY id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanBlacklistRule)
	if err != nil {
		return nil, "", fmt.Errorf("blacklist rules: %w", err)
	}
	found, next := cutPage(found, page, func(b *store.BlacklistRule) store.Cursor { return store.Cursor(b.ID) })
	return found, next, nil
}

// CountBlacklistRules implements [store.BlacklistCounter].
func (r reader) CountBlacklistRules(ctx context.Context, namespace string) (own, all int, err error) {
	err = r.q.QueryRowContext(ctx, "SELECT count(*) FILTER (WHERE ifnull(namespace, '') = ?), count(*) FROM ip_blacklist",
		namespace).Scan(&own, &all)
	if err != nil {
		return 0, 0, fmt.Errorf("count blacklist rules: %w", translate(err))
	}
	return own, all, nil
}

// InsertBlacklistRule implements [store.BlacklistWriter].
func (w *writer) InsertBlacklistRule(ctx context.Context, b store.BlacklistRule) error {
	_, err := w.tx.ExecContext(ctx,
		"INSERT INTO ip_blacklist ("+blacklistColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		b.ID, textOrNull(b.Namespace), b.Network.String(), b.Reason, b.Source, micros(b.EndsAt), b.CreatedBy, micros(b.CreatedAt))
	if err != nil {
		return fmt.Errorf("insert blacklist rule for %s: %w", b.Network, translate(err))
	}
	return nil
}

// InsertBlacklistRules implements [store.BlacklistWriter].
func (w *writer) InsertBlacklistRules(ctx context.Context, rules []store.BlacklistRule) error {
	for i := range rules {
		if err := w.InsertBlacklistRule(ctx, rules[i]); err != nil {
			return err
		}
	}
	return nil
}

// DeleteBlacklistRule implements [store.BlacklistWriter].
func (w *writer) DeleteBlacklistRule(ctx context.Context, id string) error {
	n, err := removed(w.tx.ExecContext(ctx, "DELETE FROM ip_blacklist WHERE id = ?", id))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete blacklist rule %q: %w", id, err)
	}
	return nil
}
