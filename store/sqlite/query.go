package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"credence/store"
)

// querier is what a pool and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// reader answers what is read, from the pool of readers or from inside a
// transaction. It implements [store.Reader].
type reader struct{ q querier }

// row is a row to scan: *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

// conditions collects the WHERE of a list. The texts are constants of this
// package; values only ever go into the arguments.
type conditions struct {
	texts []string
	args  []any
}

func (c *conditions) add(text string, args ...any) {
	c.texts = append(c.texts, text)
	c.args = append(c.args, args...)
}

// anyOf narrows to rows whose expression is one of the values; none: all.
func (c *conditions) anyOf(expression string, values []string) {
	if len(values) == 0 {
		return
	}
	c.texts = append(c.texts, expression+" IN (?"+strings.Repeat(", ?", len(values)-1)+")")
	for _, v := range values {
		c.args = append(c.args, v)
	}
}

// query is head, the conditions, and tail.
func (c *conditions) query(head, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i, text := range c.texts {
		if i == 0 {
			b.WriteString(" WHERE ")
		} else {
			b.WriteString(" AND ")
		}
		b.WriteString(text)
	}
	b.WriteString(tail)
	return b.String()
}

// listRows reads all rows of a query.
func listRows[T any](ctx context.Context, q querier, query string, args []any, scan func(row, *T) error) (found []T, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer func() { err = errors.Join(err, translate(rows.Close())) }()
	for rows.Next() {
		var item T
		if err := scan(rows, &item); err != nil {
			return nil, translate(err)
		}
		found = append(found, item)
	}
	if err := rows.Err(); err != nil {
		return nil, translate(err)
	}
	return found, nil
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
	c.add("(namespace, name) > (?, ?)", namespace, name)
}

// versioned says why a statement with "... AND version = ?" found no row: the
// query answers the version that is stored.
func (w *writer) versioned(ctx context.Context, result sql.Result, query string, args ...any) error {
	n, err := result.RowsAffected()
	if err != nil {
		return translate(err)
	}
	if n > 0 {
		return nil
	}
	var version int64
	if err := w.tx.QueryRowContext(ctx, query, args...).Scan(&version); err != nil {
		return translate(err)
	}
	return fmt.Errorf("%w: it is at version %d", store.ErrStale, version)
}

// removed is the number of rows of a statement that deletes.
func removed(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, translate(err)
	}
	n, err := result.RowsAffected()
	return int(n), translate(err)
}
