package management

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"credence/store"
	"credence/store/credential"
)

// The bounds of a rotation. Usage is counted by the minute, so a shorter
// silence could not be seen.
const (
	defaultGrace = "24h"
	maxGrace     = 90 * 24 * time.Hour
	minSilence   = time.Minute
)

// neverExpires is what ExpiresIn says for a successor without an end.
const neverExpires = "never"

// KeyRotate is the input of [Service.KeyRotate]. Empty fields take their
// defaults.
type KeyRotate struct {
	KeyID   string
	Version int64 // 0: whatever the key is now
	Grace   string
	// CloseWhenSilent ends the grace early, once nobody has used the key for so
	// long; "" waits for its end.
	CloseWhenSilent string
	ExpiresAt       time.Time // of the successor; zero: it lives as long as the key was to live
	ExpiresIn       string    // a Go duration from now, or "never"; not together with ExpiresAt
	Reason          string    // at most 256 printable characters, for the audit log

	Idempotency Idempotency
}

// KeyRotated is the answer of [Service.KeyRotate].
type KeyRotated struct {
	Key      store.Key       // the successor
	Text     credential.Text // of the successor; shown this once, zero when Replayed
	Previous store.Key       // the key that was rotated
	Replayed bool            // the successor was made by an earlier, equal request
	Position store.Position  // of the change; zero when Replayed
}

// jobRotationClose is the kind of the job that ends a grace. Package
// management/jobs handles it by [Service.KeyRotationClose].
const jobRotationClose = "rotation_close"

// KeyRotate makes a successor of a key, with the same rights. Both are let in
// until the grace ends, and are counted as one by all limits and quotas. With a
// grace of 0 the key is revoked in the same transaction.
func (s *Service) KeyRotate(ctx context.Context, a Actor, in KeyRotate) (KeyRotated, error) {
	what := "rotate key " + quoted(in.KeyID)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (KeyRotated, error) {
		switch successor, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return KeyRotated{}, err
		case successor != "":
			return t.rotatedBefore(ctx, in.KeyID, successor)
		}
		before, err := t.key(ctx, in.KeyID)
		if err != nil {
			return KeyRotated{}, err
		}
		if err := errors.Join(checkVersion(what, in.Version, before.Version), rotatable(what, &before, t.Now())); err != nil {
			return KeyRotated{}, err
		}
		plan, err := t.planRotation(ctx, what, &in, before)
		if err != nil {
			return KeyRotated{}, err
		}
		return s.rotate(ctx, t, &in, plan)
	})
	if err != nil {
		return KeyRotated{}, err
	}
	out.Position = position
	return out, nil
}

// rotatedBefore is the answer to a repeated request.
func (t *transaction) rotatedBefore(ctx context.Context, keyID, successor string) (KeyRotated, error) {
	k, err := t.key(ctx, successor)
	if err != nil {
		return KeyRotated{}, err
	}
	previous, err := t.key(ctx, keyID)
	return KeyRotated{Key: k, Previous: previous, Replayed: true}, err
}

// rotatable says why a key cannot be rotated, and what to do instead.
func rotatable(what string, k *store.Key, now time.Time) error {
	switch {
	case k.Rotated() && k.Status != store.StatusPurged:
		return refuse(CodeKeyRotated, "%s: key %q has taken over from it already; rotate that one, or see `keys rotation`", what, k.Successor)
	case k.Status == store.StatusRevoked || k.Status == store.StatusPurged:
		return final(what, k.Status)
	case k.Expired(now):
		return refuse(CodeKeyExpired, "%s: its life ended at %s; make a new key, or let it live longer first (expires_at)",
			what, k.ExpiresAt.Format(time.RFC3339))
	case k.Status != store.StatusActive:
		return refuse(CodeConflict, "%s: is %s, and its successor would not be; enable it first, or make a new key", what, k.Status)
	}
	return nil
}

// rotation is what is to happen to a key and what is to follow it.
type rotation struct {
	before, after, successor store.Key
	job                      store.Job // that ends the grace; no kind without one
}

// planRotation checks the input and answers both keys as they will be, the
// successor without its id and hash.
func (t *transaction) planRotation(ctx context.Context, what string, in *KeyRotate, before store.Key) (rotation, error) {
	p := &problems{now: t.Now()}
	grace := p.span("grace", orDefault(in.Grace, defaultGrace), 0, maxGrace)
	silence := time.Duration(0)
	if in.CloseWhenSilent != "" {
		silence = p.span("close_when_silent", in.CloseWhenSilent, minSilence, max(grace, minSilence))
	}
	p.text("reason", in.Reason, 0, maxReason)
	p.idempotencyKey(in.Idempotency)
	r := rotation{before: before, after: before, successor: t.successorOf(p, in, before)}
	if err := t.keepPolicy(ctx, p, &r.successor); err != nil {
		return r, err
	}
	if err := p.err(what); err != nil {
		return r, err
	}
	r.after.RotatedAt, r.after.GraceEndsAt, r.after.CloseWhenSilent = t.Now(), t.Now().Add(grace), silence
	if end := before.ExpiresAt; !end.IsZero() && end.Before(r.after.GraceEndsAt) {
		r.after.GraceEndsAt = end
	}
	if grace > 0 {
		r.job = store.Job{Kind: jobRotationClose, Args: closeArgs(before.KeyID), RunAt: r.after.GraceEndsAt}
		if silence > 0 && t.Now().Add(silence).Before(r.job.RunAt) {
			r.job.RunAt = t.Now().Add(silence)
		}
	}
	return r, nil
}

// successorOf is a new key with all the rights of the one before.
func (t *transaction) successorOf(p *problems, in *KeyRotate, before store.Key) store.Key {
	k := before
	k.StatusReason, k.StatusAt, k.CreatedAt, k.UpdatedAt, k.Version = in.Reason, t.Now(), t.Now(), t.Now(), 1
	k.LastUsedAt, k.LastUsedIP = time.Time{}, store.Key{}.LastUsedIP
	k.Predecessor, k.LimitsID = before.KeyID, orDefault(before.LimitsID, before.KeyID)
	k.Throttle = 0 // nobody has used it
	if !k.NotBefore.After(t.Now()) {
		k.NotBefore = time.Time{}
	}
	switch {
	case in.ExpiresIn == neverExpires && in.ExpiresAt.IsZero():
		k.ExpiresAt = time.Time{}
	case in.ExpiresIn != "" || !in.ExpiresAt.IsZero():
		k.ExpiresAt = p.end("expires_at", in.ExpiresAt, "expires_in", in.ExpiresIn)
	case !before.ExpiresAt.IsZero():
		k.ExpiresAt = t.Now().Add(before.ExpiresAt.Sub(before.CreatedAt))
	}
	p.order(k.NotBefore, k.ExpiresAt)
	return k
}

// rotate writes both keys, the successor first.
func (s *Service) rotate(ctx context.Context, t *transaction, in *KeyRotate, r rotation) (KeyRotated, error) {
	namespace, err := t.Namespace(ctx, r.before.Namespace)
	if err != nil {
		return KeyRotated{}, err
	}
	text, err := s.mint(&r.successor, namespace.KeyPrefix)
	if err != nil {
		return KeyRotated{}, err
	}
	if err := t.InsertKey(ctx, r.successor); err != nil {
		return KeyRotated{}, err
	}
	t.recordKey("key.create", &r.successor, details{After: keyFacts(&r.successor)})
	r.after.Successor = r.successor.KeyID
	if r.job.Kind == "" {
		r.after = replaced(r.after, t.Now())
	} else if err := t.Enqueue(ctx, r.job); err != nil {
		return KeyRotated{}, err
	}
	d := changedFacts(keyFacts(&r.before), keyFacts(&r.after))
	d.After.text("reason", in.Reason)
	changed, err := t.updateKey(ctx, "key.rotate", r.after, d)
	if err != nil {
		return KeyRotated{}, err
	}
	return KeyRotated{Key: r.successor, Text: text, Previous: changed.Key}, t.remember(ctx, in.Idempotency, r.successor.KeyID)
}

// replaced is a key whose grace is over.
func replaced(k store.Key, now time.Time) store.Key {
	k.Status, k.StatusReason, k.StatusAt = store.StatusRevoked, "replaced by "+k.Successor, now
	if now.Before(k.GraceEndsAt) {
		k.GraceEndsAt = now
	}
	return k
}

// closeArgs is what the job that ends a grace is told.
func closeArgs(keyID string) json.RawMessage {
	args, err := json.Marshal(struct {
		KeyID string `json:"key_id"`
	}{keyID})
	if err != nil {
		// A struct of one string always marshals; an empty id finds no key.
		return json.RawMessage("{}")
	}
	return args
}
