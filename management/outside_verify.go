package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/management/remote"
	"credence/store"
)

const (
	// verifyEvery is how old what is known of a secret may grow. Trying one out
	// counts as a use of it at the other program, so it is not done often.
	verifyEvery = 24 * time.Hour
	// mostVerified bounds what one pass tries out over one connection.
	mostVerified = 500
)

// try tries the secret of a credential out. That counts as a use of it. When
// nobody can say, what was known before stays. why is in the words of the
// system, for global admins only.
func (k keeper) try(ctx context.Context, a Actor, id string) (is store.OutsideCredential, v outsideVerdict, err error) {
	is, err = k.read(ctx, k.store, a, id)
	if err != nil {
		return store.OutsideCredential{}, v, err
	}
	if is.State == store.OutsideMaking || is.State == store.OutsideRotating || is.State == store.OutsideDeleting {
		return store.OutsideCredential{}, v, refuse(CodeConflict, "%s: is %s; try again in some minutes", k.name(id), is.State)
	}
	tried, v, err := k.tried(ctx, &is)
	if err != nil {
		return store.OutsideCredential{}, v, err
	}
	if err := ctx.Err(); err != nil {
		return store.OutsideCredential{}, outsideVerdict{}, failed(k.name(id), err)
	}
	is, err = k.noteTried(ctx, a, is, tried, v.outcome, true)
	if !a.Global() || !a.Role.Includes(store.RoleAdmin) {
		v.why = ""
	}
	return is, v, err
}

// tried tries a secret out, and answers when.
func (k keeper) tried(ctx context.Context, is *store.OutsideCredential) (at time.Time, v outsideVerdict, err error) {
	w, err := k.openOf(ctx, is)
	if err != nil {
		return at, v, err
	}
	secret, err := k.secretOf(is)
	if err != nil {
		return at, v, err
	}
	return k.now(), k.verify(ctx, w, is, secret), nil
}

// noteTried records what came of trying out the secret that a credential had:
// not of one that has another by now, or was tried out later. One that is
// invalid is a finding. asked: it is recorded even when nothing is new, since a
// person wanted it.
func (k keeper) noteTried(ctx context.Context, a Actor, had store.OutsideCredential, tried time.Time, outcome remote.Outcome, asked bool) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, k.Service, a, k.name(had.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, had.System, had.ID)
		if err != nil {
			return is, err
		}
		was, set := is.Seen.Outcome, false
		if outcome != remote.Unknown {
			now := store.OutsideSeen{VerifiedAt: tried.UTC().Truncate(time.Microsecond), Outcome: string(outcome)}
			if set, err = t.SetOutsideVerified(ctx, is.System, is.ID, had.SecretAt, now); err != nil {
				return is, err
			}
			if set {
				is.Seen.VerifiedAt, is.Seen.Outcome = now.VerifiedAt, now.Outcome
			}
		}
		if asked || set && was != is.Seen.Outcome {
			k.record(t, "verify", &is, details{After: facts{"outcome": string(outcome)}})
		}
		if !set || outcome != remote.Invalid || was == string(remote.Invalid) {
			return is, nil
		}
		k.tell(t, "invalid", &is, "")
		return is, k.seeCredential(ctx, t, "credential_invalid", store.SeverityMedium, is.Namespace, k.object(&is),
			fmt.Sprintf("The %s %s of the %s %s is not accepted any more.", k.noun, is.Name, k.holder, is.Login))
	})
	return out, err
}

// verifyAll tries out the secrets that nobody has tried out for verifyEvery; a
// pass calls it. It is bounded by mostVerified for each connection: the pass
// after it goes on with the rest.
func (k keeper) verifyAll(ctx context.Context) (tried int, err error) {
	err = k.connections(ctx, func(c store.Connection) error {
		n, err := k.verifyConnection(ctx, &c)
		if tried += n; err != nil {
			return fmt.Errorf("%s: %w", connectionName(c.Kind, c.Name), err)
		}
		return nil
	})
	return tried, err
}

// errEnough ends going through pages.
var errEnough = errors.New("enough")

func (k keeper) verifyConnection(ctx context.Context, c *store.Connection) (tried int, err error) {
	filter := store.OutsideFilter{ConnectionID: c.ID, States: []store.OutsideState{store.OutsideActive, store.OutsideWidened}}
	err = k.pages(ctx, k.store, filter, func(is *store.OutsideCredential) error {
		if len(is.Secret) == 0 || !k.unverified(is.SecretAt, is.Seen.VerifiedAt) {
			return nil
		}
		if tried == mostVerified {
			return errEnough
		}
		if err := k.reverify(ctx, is); err != nil {
			return err
		}
		tried++
		return nil
	})
	if errors.Is(err, errEnough) {
		return tried, nil
	}
	return tried, err
}

// unverified reports whether a secret has not been tried out for long.
func (k keeper) unverified(since, verifiedAt time.Time) bool {
	if verifiedAt.After(since) {
		since = verifiedAt
	}
	return k.now().Sub(since) >= verifyEvery
}

// reverify tries a secret out by itself. What cannot be said now is tried again
// by the pass after this; one that is gone or changed meanwhile is no matter.
func (k keeper) reverify(ctx context.Context, is *store.OutsideCredential) error {
	tried, v, err := k.tried(ctx, is)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || v.outcome == remote.Unknown {
		return err
	}
	if _, err := k.noteTried(ctx, k.actor(), *is, tried, v.outcome, false); !gone(err) {
		return err
	}
	return nil
}
