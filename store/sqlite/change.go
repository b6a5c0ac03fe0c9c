package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"credence/store"
	"credence/store/credential"
)

const changeColumns = "revision, change_id, kind, namespace, object_id, created, key_hash, at"

func scanChange(r row, c *store.Change) error {
	return r.Scan(&c.Revision, &c.ID, &c.Kind, &c.Namespace, &c.ObjectID, &c.Created,
		hash{(*[32]byte)(&c.Hash)}, instant{&c.At})
}

// Head implements [store.ChangeFeed].
func (db *DB) Head(ctx context.Context) (store.Position, error) {
	var p store.Position
	err := db.read.QueryRowContext(ctx, "SELECT revision, change_id FROM changes ORDER BY revision DESC LIMIT 1").
		Scan(&p.Revision, &p.ID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return store.Position{}, fmt.Errorf("head of changes: %w", translate(err))
	}
	return p, nil
}

// ChangesAfter implements [store.ChangeFeed].
func (db *DB) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	// One read transaction: both statements see the same commit.
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("changes: %w", translate(err))
	}
	defer tx.Rollback()
	if err := continues(ctx, tx, after); err != nil {
		return nil, fmt.Errorf("changes after revision %d: %w", after.Revision, err)
	}
	found, err := listRows(ctx, tx,
		"SELECT "+changeColumns+" FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
		[]any{int64(after.Revision), limit}, scanChange)
	if err != nil {
		return nil, fmt.Errorf("changes after revision %d: %w", after.Revision, err)
	}
	return found, nil
}

// continues answers ErrFeedGap unless the feed goes on from the position. A
// lower head needs no look of its own: the row is gone then.
func continues(ctx context.Context, tx *sql.Tx, after store.Position) error {
	if after.Revision == 0 {
		var first int64
		if err := tx.QueryRowContext(ctx, "SELECT ifnull(min(revision), 1) FROM changes").Scan(&first); err != nil {
			return translate(err)
		}
		if first != 1 || after.ID != "" {
			return store.ErrFeedGap
		}
		return nil
	}
	var id string
	err := tx.QueryRowContext(ctx, "SELECT change_id FROM changes WHERE revision = ?", int64(after.Revision)).Scan(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrFeedGap
	case err != nil:
		return translate(err)
	case id != after.ID:
		return store.ErrFeedGap
	default:
		return nil
	}
}

// AppendChanges implements [store.ChangeWriter].
func (w *writer) AppendChanges(ctx context.Context, changes []store.Change) (store.Position, error) {
	var last store.Position
	if len(changes) == 0 {
		return last, nil
	}
	var revision int64
	err := w.tx.QueryRowContext(ctx,
		"UPDATE revision_counter SET revision = revision + ? WHERE only_row = 1 RETURNING revision", len(changes)).Scan(&revision)
	if err != nil {
		return last, fmt.Errorf("append changes: take revision: %w", translate(err))
	}
	revision -= int64(len(changes))
	for i := range changes {
		c := &changes[i]
		id, err := store.NewID(store.ChangeIDPrefix, w.now(), w.random)
		if err != nil {
			return last, fmt.Errorf("append changes: %w", err)
		}
		revision++
		var keyHash []byte
		if c.Hash != (credential.Hash{}) {
			keyHash = c.Hash[:]
		}
		_, err = w.tx.ExecContext(ctx,
			"INSERT INTO changes ("+changeColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			revision, id, string(c.Kind), c.Namespace, c.ObjectID, c.Created, bytesOrNull(keyHash), micros(c.At))
		if err != nil {
			return last, fmt.Errorf("append changes: %w", translate(err))
		}
		last = store.Position{Revision: store.Revision(revision), ID: id}
	}
	w.changed = true
	return last, nil
}

// PruneChanges implements [store.ChangeWriter].
func (w *writer) PruneChanges(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.tx, store.OldChanges, before)
}

// wakers are the channels of those who wait for changes in this process.
type wakers struct {
	mu       sync.Mutex
	channels map[chan struct{}]struct{}
}

// Wake implements [store.ChangeFeed].
func (db *DB) Wake(ctx context.Context) <-chan struct{} {
	ch := make(chan struct{}, 1) // one pending wake-up stands for any number
	db.wakers.add(ch)
	context.AfterFunc(ctx, func() { db.wakers.remove(ch) })
	return ch
}

func (w *wakers) add(ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels == nil {
		w.channels = make(map[chan struct{}]struct{})
	}
	w.channels[ch] = struct{}{}
}

func (w *wakers) remove(ch chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.channels, ch)
	close(ch) // under the lock, so that wake never sends on a closed one
}

func (w *wakers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.channels {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
