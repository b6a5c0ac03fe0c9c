package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"credence/store"
)

// connection is what a pool and a transaction have in common.
type connection interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// querier runs statements, each within a bound of time, and translates errors.
type querier struct {
	on      connection
	timeout time.Duration
}

// exec answers the number of rows that the statement changed.
func (q querier) exec(ctx context.Context, sql string, args ...any) (int, error) {
	bounded, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	tag, err := q.on.Exec(bounded, sql, args...)
	return int(tag.RowsAffected()), translate(ctx, err)
}

// row scans the first row; ErrNotFound without one.
func (q querier) row(ctx context.Context, sql string, args []any, scan func(row) error) error {
	bounded, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	rows, err := q.on.Query(bounded, sql, args...)
	if err != nil {
		return translate(ctx, err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return translate(ctx, err)
		}
		return store.ErrNotFound
	}
	if err := scan(rows); err != nil {
		return translate(ctx, err)
	}
	rows.Close()
	return translate(ctx, rows.Err())
}

// value scans the first row into the destinations.
func (q querier) value(ctx context.Context, sql string, args []any, destinations ...any) error {
	return q.row(ctx, sql, args, func(r row) error { return r.Scan(destinations...) })
}

// listRows reads all rows of a query.
func listRows[T any](ctx context.Context, q querier, sql string, args []any, scan func(row, *T) error) ([]T, error) {
	bounded, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	rows, err := q.on.Query(bounded, sql, args...)
	if err != nil {
		return nil, translate(ctx, err)
	}
	defer rows.Close()
	var found []T
	for rows.Next() {
		var item T
		if err := scan(rows, &item); err != nil {
			return nil, translate(ctx, err)
		}
		found = append(found, item)
	}
	if err := rows.Err(); err != nil {
		return nil, translate(ctx, err)
	}
	return found, nil
}

// reader answers what is read, from the pool or from inside a transaction. It
// implements [store.Reader].
type reader struct{ q querier }

// row is a row to scan.
type row interface{ Scan(dest ...any) error }

// conditions collects the WHERE of a list. The texts are constants of this
// package; values only ever go into the arguments.
type conditions struct {
	texts []string
	args  []any
}

// arg adds an argument and answers its place in the text.
func (c *conditions) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

func (c *conditions) add(text string) { c.texts = append(c.texts, text) }

// anyOf narrows to rows whose expression is one of the values; none: all.
func (c *conditions) anyOf(expression string, values []string) {
	if len(values) > 0 {
		c.add(expression + " = ANY (" + c.arg(values) + ")")
	}
}

func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.texts, " AND ")
}

// query is head, the conditions, the order and a limit.
func (c *conditions) query(head, order string, limit int) string {
	return head + c.where() + " ORDER BY " + order + " LIMIT " + c.arg(limit)
}

// cutPage makes a page of the rows of a query that asked for one more than
// the page holds. That one more shows whether anything follows.
func cutPage[T any](found []T, page store.Page, cursor func(*T) store.Cursor) ([]T, store.Cursor) {
	size := page.Size()
	if len(found) <= size {
		return found, ""
	}
	found = found[:size]
	return found, cursor(&found[size-1])
}

// nameCursor is the position of an object named by namespace and name.
// Namespaces have no slash, so the first one is where it parts.
func nameCursor(namespace, name string) store.Cursor { return store.Cursor(namespace + "/" + name) }

func (c *conditions) afterName(after store.Cursor) {
	if after == "" {
		return
	}
	namespace, name, _ := strings.Cut(string(after), "/")
	c.add("(namespace, name) > (" + c.arg(namespace) + ", " + c.arg(name) + ")")
}

// statements is one statement for each row of arguments.
type statements struct {
	sql  string
	rows [][]any
}

// batch runs all statements in one round trip. It ends with the first that
// fails. A connection that keeps its session prepares what runs many times:
// to parse and plan it takes as long as to run it.
func (w *writer) batch(ctx context.Context, all ...statements) error {
	bounded, cancel := context.WithTimeout(ctx, w.q.timeout)
	defer cancel()
	var queue pgx.Batch
	prepares := w.tx.Conn().PgConn().CustomData()[keepsSession] == true
	for _, s := range all {
		if prepares && len(s.rows) > 1 {
			if _, err := w.tx.Prepare(bounded, s.sql, s.sql); err != nil {
				return translate(ctx, err)
			}
		}
		for _, args := range s.rows {
			queue.Queue(s.sql, args...)
		}
	}
	if queue.Len() == 0 {
		return nil
	}
	results := w.tx.SendBatch(bounded, &queue)
	for range queue.Len() {
		if _, err := results.Exec(); err != nil {
			_ = results.Close() // the same error again
			return translate(ctx, err)
		}
	}
	return translate(ctx, results.Close())
}

// versioned says why a statement with "... AND version = $n" changed no row:
// the query answers the version that is stored.
func (w *writer) versioned(ctx context.Context, changed int, err error, query string, args ...any) error {
	if err != nil || changed > 0 {
		return err
	}
	var version int64
	if err := w.q.value(ctx, query, args, &version); err != nil {
		return err
	}
	return fmt.Errorf("%w: it is at version %d", store.ErrStale, version)
}

// found says that a statement without a version changed no row.
func found(changed int, err error) error {
	if err == nil && changed == 0 {
		return store.ErrNotFound
	}
	return err
}

// orZero is err, unless there was simply no row.
func orZero(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
