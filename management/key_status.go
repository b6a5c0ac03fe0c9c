package management

import (
	"context"

	"credence/store"
)

// KeyStatusChange is the input of the use-cases that set a key's status.
type KeyStatusChange struct {
	KeyID   string
	Reason  string // at most 256 printable characters
	Version int64  // 0: whatever the key is now
}

// setStatus moves a key to a status, if [transition] lets it.
func (s *Service) setStatus(ctx context.Context, a Actor, in KeyStatusChange, action string, to store.Status) (KeyChanged, error) {
	what := "key " + quoted(in.KeyID)
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (KeyChanged, error) {
		before, err := t.key(ctx, in.KeyID)
		if err != nil {
			return KeyChanged{}, err
		}
		p := &problems{now: t.Now()}
		p.text("reason", in.Reason, 0, maxReason)
		if err := p.err(what); err != nil {
			return KeyChanged{}, err
		}
		if err := checkVersion(what, in.Version, before.Version); err != nil {
			return KeyChanged{}, err
		}
		move, err := transition(what, before.Status, to)
		if err != nil {
			return KeyChanged{}, err
		}
		lift := to == store.StatusActive && before.Throttle > 0
		if !move && !lift {
			return KeyChanged{Key: before}, nil
		}
		after := before
		after.Status, after.StatusReason, after.StatusAt = to, in.Reason, t.Now()
		if lift {
			after.Throttle = 0
		}
		return t.updateKey(ctx, action, after, changedFacts(keyFacts(&before), keyFacts(&after)))
	})
	if err != nil {
		return KeyChanged{}, err
	}
	out.Position = position
	return out, nil
}

// transition says whether a key may go from one status to another; move is
// false when it is there already.
//
//	from        to which it may go
//	active      disabled, suspended, revoked
//	disabled    active, revoked
//	suspended   active, disabled, revoked
//
// Revoked and purged are final.
//
// A disabled key is not suspended: a person's decision stands above the
// system's, and enabling it again must be a decision about both.
func transition(what string, from, to store.Status) (move bool, err error) {
	switch {
	case from == to, from == store.StatusPurged && to == store.StatusRevoked:
		return false, nil
	case from == store.StatusRevoked || from == store.StatusPurged:
		return false, final(what, from)
	case from == store.StatusDisabled && to == store.StatusSuspended:
		return false, refuse(CodeConflict, "%s: is disabled, and so refused already", what)
	default:
		return true, nil
	}
}

// mutable refuses to change a key whose status is final.
func mutable(what string, k *store.Key) error {
	if k.Status == store.StatusRevoked || k.Status == store.StatusPurged {
		return final(what, k.Status)
	}
	return nil
}

func final(what string, status store.Status) error {
	return refuse(CodeKeyRevoked, "%s: is %s, which is final; make a new key", what, status)
}
