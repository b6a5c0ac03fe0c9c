package management

import (
	"context"
	"log/slog"

	"credence/store"
)

// transaction is one [store.Tx] on behalf of an actor.
type transaction struct {
	*store.Tx

	actor Actor
	done  []store.AuditRecord
	warns []warning // said after the commit

	policies map[policyFor]store.KeyPolicy // that were read
	events   []happening                   // to tell webhooks of
	counted  bool                          // they were counted: nobody did anything
}

// details is what an audit entry says of an object: all of it when it was
// made, the fields that differ when it was changed. Facts never hold key text
// or a hash.
type details struct {
	Before facts `json:"before,omitempty"`
	After  facts `json:"after,omitempty"`
}

// record notes what the actor did, for the audit log and the log.
func (t *transaction) record(namespace, action, object, keyID string, d details) {
	r := store.AuditRecord{
		Namespace: namespace, Actor: t.actor.ID, Action: action, Object: object, KeyID: keyID,
		IPAddress: t.actor.IPAddress, RequestID: t.actor.RequestID,
	}
	if d.Before != nil || d.After != nil {
		r.Details = d
	}
	t.Audit(r)
	t.done = append(t.done, r)
}

// warning is a line of the log that is true once the transaction is.
type warning struct {
	message string
	attrs   []slog.Attr
}

func (t *transaction) warn(message string, attrs ...slog.Attr) {
	t.warns = append(t.warns, warning{message, attrs})
}

func (t *transaction) recordKey(action string, k *store.Key, d details) {
	t.record(k.Namespace, action, "key:"+k.KeyID, k.KeyID, d)
	t.keyHappened(action, k, d)
}

// transact runs one use-case in one transaction. What is said of the change
// in the log is said after the commit. what begins the text of an error.
func transact[T any](ctx context.Context, s *Service, a Actor, what string,
	fn func(ctx context.Context, t *transaction) (T, error),
) (T, store.Position, error) {
	var answer, none T
	t := &transaction{actor: a}
	position, err := s.store.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
		t.Tx = tx
		var err error
		if answer, err = fn(ctx, t); err != nil {
			return err
		}
		return t.tell(ctx, s.random)
	})
	if err != nil {
		return none, store.Position{}, failed(what, err)
	}
	for _, r := range t.done {
		s.logger.InfoContext(ctx, "changed",
			slog.String("action", r.Action), slog.String("object", r.Object), slog.String("namespace", r.Namespace),
			slog.String("actor", r.Actor), slog.String("request_id", r.RequestID))
	}
	for _, w := range t.warns {
		s.logger.LogAttrs(ctx, slog.LevelWarn, w.message, w.attrs...) //nolint:sloglint // constants of the use-cases
	}
	return answer, position, nil
}

// checkVersion compares the version that a caller read with the one there is.
// Zero means "whatever it is now".
func checkVersion(what string, read, is int64) error {
	if read != 0 && read != is {
		return failed(what, store.ErrStale)
	}
	return nil
}

// requireVersion refuses an update that does not say what it is based on:
// without it, the later of two people would silently undo the earlier.
func requireVersion(what string, version int64) error {
	if version == 0 {
		return refuse(CodePreconditionRequired,
			"%s: an update needs the version it is based on; read the object and send its ETag as If-Match", what)
	}
	return nil
}

// notFound is the answer for what does not exist, and for what exists where
// the actor may not look.
func notFound(what string) error { return failed(what, store.ErrNotFound) }
