package management

import (
	"context"
	"errors"
	"fmt"

	"credence/store"
)

// idempotencyKey checks the Idempotency-Key of a create.
func (p *problems) idempotencyKey(in Idempotency) {
	if len(in.Key) > maxIdempotency || !visible(in.Key) {
		p.add("idempotency_key", "is too long or holds other than visible ASCII",
			fmt.Sprintf("use 1 to %d visible ASCII characters, such as a UUID", maxIdempotency))
	}
}

// replayed answers the id of what an earlier, equal request of the same actor
// made; "" when this request is the first. The same key with another request
// is refused: answering the old object would hide that the new one was never
// made.
func (t *transaction) replayed(ctx context.Context, in Idempotency) (string, error) {
	if in.Key == "" {
		return "", nil
	}
	r, err := t.Idempotency(ctx, t.actor.ID, in.Key)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("idempotency key: %w", err)
	}
	if r.RequestHash != in.RequestHash {
		return "", refuse(CodeIdempotencyKeyReused,
			"this idempotency key was used for another request; use a new key for a new request")
	}
	return r.ObjectID, nil
}

// remember records what this request made, for its repetition.
func (t *transaction) remember(ctx context.Context, in Idempotency, objectID string) error {
	if in.Key == "" {
		return nil
	}
	return t.InsertIdempotency(ctx, store.IdempotencyRecord{
		Actor: t.actor.ID, Key: in.Key, RequestHash: in.RequestHash, ObjectID: objectID, CreatedAt: t.Now(),
	})
}
