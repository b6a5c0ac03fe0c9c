package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const noticeColumns = "kind, subject, name, start_at, end_at, count, closed"

func scanNotice(r row, n *store.Notice) error {
	return r.Scan(&n.Kind, &n.Subject, &n.Name, instant{&n.Start}, instant{&n.End}, &n.Count, &n.Closed)
}

// Notice implements [store.NoticeReader].
func (r reader) Notice(ctx context.Context, kind store.NoticeKind, subject, name string, start time.Time) (store.Notice, error) {
	var n store.Notice
	err := scanNotice(r.q.QueryRowContext(ctx, "SELECT "+noticeColumns+" FROM usage_notices WHERE kind = ? AND subject = ? AND name = ? AND start_at = ?", kind, subject, name, micros(start)), &n)
	if err != nil {
		return store.Notice{}, fmt.Errorf("notice %s of %q: %w", kind, subject, translate(err))
	}
	return n, nil
}

// OpenNotices implements [store.NoticeReader].
func (r reader) OpenNotices(ctx context.Context, kind store.NoticeKind, endedBefore time.Time, limit int) ([]store.Notice, error) {
	found, err := listRows(ctx, r.q, "SELECT "+noticeColumns+" FROM usage_notices WHERE kind = ? AND NOT closed AND end_at < ? ORDER BY end_at, subject, name LIMIT ?",
		[]any{kind, micros(endedBefore), limit}, scanNotice)
	if err != nil {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	return found, nil
}

// InsertNotice implements [store.NoticeWriter].
func (w *writer) InsertNotice(ctx context.Context, n store.Notice) error {
	_, err := w.tx.ExecContext(ctx, "INSERT INTO usage_notices ("+noticeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		n.Kind, n.Subject, n.Name, micros(n.Start), micros(n.End), n.Count, n.Closed)
	if err != nil {
		return fmt.Errorf("insert notice %s of %q: %w", n.Kind, n.Subject, translate(err))
	}
	return nil
}

// CloseNotice implements [store.NoticeWriter].
func (w *writer) CloseNotice(ctx context.Context, n store.Notice) error {
	changed, err := removed(w.tx.ExecContext(ctx, "UPDATE usage_notices SET count = ?, closed = true WHERE kind = ? AND subject = ? AND name = ? AND start_at = ? AND NOT closed",
		n.Count, n.Kind, n.Subject, n.Name, micros(n.Start)))
	if err == nil && changed == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("close notice %s of %q: %w", n.Kind, n.Subject, err)
	}
	return nil
}
