package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/store"
)

// PostgreSQL accepts nothing after a statement that failed, so fn that goes on
// as if nothing were must not be told that all is well.
func TestAnErrorThatFnSwallowsRollsBack(t *testing.T) {
	db := open(t, options(database(t)))
	change(t, db, "key_1")
	err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		refused(t, w.InsertKey(ctx, sampleKey("key_1")), store.ErrConflict)
		_, err := w.Key(ctx, "key_1")
		refused(t, err, store.ErrInvalid)
		return nil
	})
	refused(t, err, store.ErrInvalid, "was not returned")
}

func TestWhoWaitsTooLongForAnotherWriterGivesUp(t *testing.T) {
	address := database(t)
	holder, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Close(context.WithoutCancel(t.Context())) }()
	if _, err := holder.Exec(t.Context(), "BEGIN; SELECT FROM credence.revision_counter FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	o := options(address)
	o.LockTimeout = 50 * time.Millisecond
	db := open(t, o)
	_, err = insertKey(t.Context(), db, sampleKey("key_1"))
	refused(t, err, store.ErrUnavailable, "wait for other writers")
	if _, err := db.Head(t.Context()); err != nil {
		t.Errorf("a reader had to wait: %v", err)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	change(t, db, "key_1")
}

// A process that stops in the middle of a transaction does not stop the others.
func TestAWriterThatHangsIsEndedByTheServer(t *testing.T) {
	address := database(t)
	o := options(address)
	o.LockTimeout = 100 * time.Millisecond
	hanging, other := open(t, o), open(t, options(address))
	begun, goOn, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		result <- hanging.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
			err := w.InsertKey(ctx, sampleKey("key_1"))
			close(begun)
			<-goOn
			return err
		})
	}()
	<-begun
	change(t, other, "key_2") // waits until the server has ended the first
	close(goOn)
	refused(t, <-result, store.ErrUnavailable)
	if _, err := other.Key(t.Context(), "key_1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the hanging writer's key: %v", err)
	}
	change(t, hanging, "key_1")
}

func TestAuditEntriesAreNeverChanged(t *testing.T) {
	address := database(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	db := open(t, options(address))
	if err := db.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
		return w.AppendAudit(ctx, store.AuditEntry{Namespace: "default", Sequence: 1, At: time.Now(), Action: "key.create"})
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "UPDATE credence.api_key_audit_log SET actor = 'nobody'"); err == nil {
		t.Error("an entry was rewritten, by a superuser even")
	}
}

// Values that SQLite's schema would refuse, and some that only PostgreSQL's
// does: each is the caller's error, not the database's.
func TestWhatTheSchemaRefusesIsInvalid(t *testing.T) {
	db := open(t, options(database(t)))
	for name, spoil := range map[string]func(k *store.Key){
		"unknown type":     func(k *store.Key) { k.KeyType = "robot" },
		"unknown status":   func(k *store.Key) { k.Status = "asleep" },
		"zero byte":        func(k *store.Key) { k.Name = "a\x00b" },
		"not UTF-8":        func(k *store.Key) { k.Name = "a\xffb" },
		"unmasked network": func(k *store.Key) { k.Networks = append(k.Networks, prefix("203.0.113.7/24")) },
		"no creation":      func(k *store.Key) { k.CreatedAt = time.Time{} },
		"negative version": func(k *store.Key) { k.Version = -1 },
	} {
		k := sampleKey("key_1")
		spoil(&k)
		_, err := insertKey(t.Context(), db, k)
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	change(t, db, "key_1")
}

func BenchmarkTransact(b *testing.B) {
	address := database(b)
	db := open(b, options(address))
	n := 0
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := db.Transact(b.Context(), func(ctx context.Context, w store.Writer) error {
				n++ // one at a time
				sequence, head, err := w.AuditHead(ctx, "default")
				if err != nil {
					return err
				}
				if err := w.AppendAudit(ctx, store.AuditEntry{
					Namespace: "default", Sequence: sequence + 1, At: time.Now(), Action: "bench", Previous: head,
				}); err != nil {
					return err
				}
				_, err = w.AppendChanges(ctx, []store.Change{{Kind: store.ChangeKey, ObjectID: "key_1", At: time.Now()}})
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
