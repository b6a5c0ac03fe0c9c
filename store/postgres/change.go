package postgres

import (
	"context"
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
	err := orZero(db.q.value(ctx, "SELECT revision, change_id FROM credence.changes ORDER BY revision DESC LIMIT 1", nil,
		&p.Revision, &p.ID))
	if err != nil {
		return store.Position{}, fmt.Errorf("head of changes: %w", err)
	}
	return p, nil
}

// changesQuery is one statement, so what it answers is of one snapshot.
const changesQuery = "SELECT " + changeColumns + " FROM credence.changes WHERE revision >= $1 ORDER BY revision LIMIT $2"

// ChangesAfter implements [store.ChangeFeed].
func (db *DB) ChangesAfter(ctx context.Context, after store.Position, limit int) ([]store.Change, error) {
	// From the position itself, which has to be the first of the answer (with a
	// lower head it is gone, too); from revision 1 at the start, where the
	// answer has to begin if there is any.
	from, size := max(after.Revision, 1), limit
	if after.Revision > 0 {
		size++
	}
	found, err := listRows(ctx, db.q, changesQuery, []any{int64(from), size}, scanChange)
	if err != nil {
		return nil, fmt.Errorf("changes after revision %d: %w", after.Revision, err)
	}
	switch {
	case after.Revision == 0 && after.ID == "" && (len(found) == 0 || found[0].Revision == 1):
		return found, nil
	case after.Revision > 0 && len(found) > 0 && found[0].Revision == after.Revision && found[0].ID == after.ID:
		return found[1:], nil
	default:
		return nil, fmt.Errorf("changes after revision %d: %w", after.Revision, store.ErrFeedGap)
	}
}

// channel is the one of LISTEN and NOTIFY. A notification carries the name of
// the process that sent it.
const channel = "credence_changes"

// appendQuery takes the revisions, writes the changes and has the commit
// notify of them.
const appendQuery = `WITH counter AS (
	UPDATE credence.revision_counter SET revision = revision + cardinality($1::text[]) WHERE only_row
	RETURNING revision AS last, revision - cardinality($1::text[]) AS before
), written AS (
	INSERT INTO credence.changes (` + changeColumns + `)
	SELECT counter.before + c.n, c.change_id, c.kind, c.namespace, c.object_id, c.created, c.key_hash, c.at
	FROM counter, unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bytea[], $7::timestamptz[])
		WITH ORDINALITY AS c (change_id, kind, namespace, object_id, created, key_hash, at, n)
)
SELECT counter.last, pg_notify('` + channel + `', $8)::text FROM counter`

// AppendChanges implements [store.ChangeWriter].
func (w *writer) AppendChanges(ctx context.Context, changes []store.Change) (store.Position, error) {
	if len(changes) == 0 {
		return store.Position{}, nil
	}
	n := len(changes)
	ids, kinds, namespaces, objects := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	created, hashes, instants := make([]bool, n), make([][]byte, n), make([]any, n)
	for i := range changes {
		c := &changes[i]
		var err error
		if ids[i], err = store.NewID(store.ChangeIDPrefix, w.db.now(), w.db.random); err != nil {
			return store.Position{}, fmt.Errorf("append changes: %w", err)
		}
		kinds[i], namespaces[i], objects[i] = string(c.Kind), c.Namespace, c.ObjectID
		created[i], instants[i] = c.Created, timeOrNull(c.At)
		if c.Hash != (credential.Hash{}) {
			hashes[i] = c.Hash[:]
		}
	}
	var last store.Revision
	var notified string
	err := w.q.value(ctx, appendQuery, []any{ids, kinds, namespaces, objects, created, hashes, instants, w.db.instance}, &last, &notified)
	if err != nil {
		return store.Position{}, fmt.Errorf("append changes: %w", err)
	}
	w.changed = true
	return store.Position{Revision: last, ID: ids[n-1]}, nil
}

// PruneChanges implements [store.ChangeWriter].
func (w *writer) PruneChanges(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.q, store.OldChanges, before)
}

// wakers are the channels of those who wait for changes in this process.
type wakers struct {
	mu       sync.Mutex
	channels map[chan struct{}]struct{}
}

// Wake implements [store.ChangeFeed]. Beyond what it promises, the changes of
// other processes wake too, where a session connection hears of them.
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
