package postgres

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
	err := r.q.row(ctx, "SELECT "+noticeColumns+" FROM credence.usage_notices WHERE kind = $1 AND subject = $2 AND name = $3 AND start_at = $4", []any{kind, subject, name, timeOrNull(start)},
		func(r row) error { return scanNotice(r, &n) })
	if err != nil {
		return store.Notice{}, fmt.Errorf("notice %s of %q: %w", kind, subject, err)
	}
	return n, nil
}

// OpenNotices implements [store.NoticeReader].
func (r reader) OpenNotices(ctx context.Context, kind store.NoticeKind, endedBefore time.Time, limit int) ([]store.Notice, error) {
	found, err := listRows(ctx, r.q, "SELECT "+noticeColumns+" FROM credence.usage_notices WHERE kind = $1 AND NOT closed AND end_at < $2 ORDER BY end_at, subject, name LIMIT $3",
		[]any{kind, timeOrNull(endedBefore), limit}, scanNotice)
	if err != nil {
		return nil, fmt.Errorf("open notices: %w", err)
	}
	return found, nil
}

// InsertNotice implements [store.NoticeWriter].
func (w *writer) InsertNotice(ctx context.Context, n store.Notice) error {
	_, err := w.q.exec(ctx, "INSERT INTO credence.usage_notices ("+noticeColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
		n.Kind, n.Subject, n.Name, timeOrNull(n.Start), timeOrNull(n.End), n.Count, n.Closed)
	if err != nil {
		return fmt.Errorf("insert notice %s of %q: %w", n.Kind, n.Subject, err)
	}
	return nil
}

// CloseNotice implements [store.NoticeWriter].
func (w *writer) CloseNotice(ctx context.Context, n store.Notice) error {
	changed, err := w.q.exec(ctx, "UPDATE credence.usage_notices SET count = $1, closed = true WHERE kind = $2 AND subject = $3 AND name = $4 AND start_at = $5 AND NOT closed",
		n.Count, n.Kind, n.Subject, n.Name, timeOrNull(n.Start))
	if err == nil && changed == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("close notice %s of %q: %w", n.Kind, n.Subject, err)
	}
	return nil
}
