package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// mintTime bounds asking the server and writing down what it answered.
const mintTime = 45 * time.Second

// mintGiteaToken makes the token that was written down as an intent.
// collected: the caller gets the secret. It goes on when the caller leaves: a
// secret that nobody holds is of no use to anybody.
func (s *Service) mintGiteaToken(ctx context.Context, a Actor, f *forge, intent store.OutsideCredential, collected bool) (store.OutsideCredential, credential.Text, error) {
	what := giteaTokenName(intent.Name)
	lasting, cancel := lastingFor(ctx, mintTime)
	defer cancel()
	made, err := f.Create(lasting, f.target, intent.Login, intent.Name, intent.Scopes)
	if err != nil {
		return store.OutsideCredential{}, credential.Text{}, s.unmadeGiteaToken(lasting, a, what, f, &intent, err)
	}
	collected = collected && ctx.Err() == nil // else nobody is there to get it
	is, err := s.settleGiteaToken(lasting, a, &intent, &made, collected)
	if err != nil && !gone(err) {
		is, err = s.settleGiteaToken(lasting, a, &intent, &made, collected) // once more: the secret is here and nowhere else
	}
	if err != nil {
		// It is deleted unless it may have been written down: then, or if this
		// fails, the job finds what is left.
		switch there, unread := s.store.OutsideCredential(lasting, store.SystemGitea, intent.ID); {
		case unread == nil && there.RemoteID == numberText(made.ID):
		case unread == nil || errors.Is(unread, store.ErrNotFound):
			err = errors.Join(err, absent(f.Delete(lasting, f.target, intent.Login, made.ID)))
		}
		return store.OutsideCredential{}, credential.Text{}, err
	}
	if !is.CollectedAt.IsZero() {
		return is, made.Secret, nil
	}
	return is, credential.Text{}, awaited(ctx, what)
}

// lastingFor is for what goes on when the caller leaves, for as long as its
// answer could reach a caller who has not: who asks has a deadline, which the
// calls before this one count against, too.
func lastingFor(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	end, bounded := ctx.Deadline()
	if !bounded {
		return lasting, cancel
	}
	lasting, stop := context.WithDeadline(lasting, end)
	return lasting, func() { stop(); cancel() }
}

// awaited is the error for who does not wait any more for a secret that was
// made; nil when nobody waited.
func awaited(ctx context.Context, what string) error {
	if err := ctx.Err(); err != nil {
		return &Error{Code: CodeUnavailable, Message: what + ": it was made, and its secret waits to be collected", cause: err}
	}
	return nil
}

// unmadeGiteaToken takes an intent back that was refused. When it cannot be
// told, the intent stays until the job has looked.
func (s *Service) unmadeGiteaToken(ctx context.Context, a Actor, what string, f *forge, intent *store.OutsideCredential, err error) error {
	e, ok := errors.AsType[*remote.Error](err)
	out := s.giteaFailed(ctx, what, a, f, err)
	if !ok || e.Uncertain {
		if m, ok := errors.AsType[*Error](out); ok {
			m.Message = what + ": it is not known whether it was made; what is left of it is removed within minutes, so that it can be made anew"
		}
		return out
	}
	return errors.Join(out, s.forgetGiteaIntent(ctx, a, intent, "gitea_token.refuse"))
}

// forgetGiteaIntent removes an intent that became nothing, and frees the token
// that it was to take over from.
func (s *Service) forgetGiteaIntent(ctx context.Context, a Actor, intent *store.OutsideCredential, action string) error {
	_, _, err := transact(ctx, s, a, giteaTokenName(intent.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.DeleteOutsideCredential(ctx, store.SystemGitea, intent.ID, intent.Version); err != nil {
			return struct{}{}, err
		}
		t.recordGiteaToken(action, intent, details{Before: giteaTokenFacts(intent)})
		if intent.Predecessor == "" {
			return struct{}{}, nil
		}
		before, err := t.OutsideCredential(ctx, store.SystemGitea, intent.Predecessor)
		if errors.Is(err, store.ErrNotFound) || err == nil && before.Successor != intent.ID {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		before.Successor, before.UpdatedAt = "", t.Now()
		if err := t.UpdateOutsideCredential(ctx, before); err != nil {
			return struct{}{}, err
		}
		at := giteaTokenDue(&before)
		if at.IsZero() || action == "gitea_token.refuse" && a.ID == giteaActor().ID {
			return struct{}{}, nil // the job that was refused says itself when to try again
		}
		if soon := t.Now().Add(giteaLater); at.Before(soon) {
			at = soon
		}
		return struct{}{}, t.Enqueue(ctx, store.OutsideJob(&before, at))
	})
	if gone(err) {
		return nil
	}
	return err
}

// settleGiteaToken writes down that the token was made.
func (s *Service) settleGiteaToken(ctx context.Context, a Actor, intent *store.OutsideCredential, made *gitea.Created, collected bool) (store.OutsideCredential, error) {
	sealed, err := s.store.Seal([]byte(made.Secret.Reveal()), store.OutsideAssociatedData(intent))
	if err != nil {
		return store.OutsideCredential{}, err
	}
	out, _, err := transact(ctx, s, a, giteaTokenName(intent.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, store.SystemGitea, intent.ID)
		if err == nil && is.State == store.OutsideActive && is.RemoteID == numberText(made.ID) {
			return is, nil // it was written down, and nobody heard
		}
		if err == nil && is.State != store.OutsideMaking {
			err = store.ErrStale
		}
		if err != nil {
			return is, fmt.Errorf("the intent: %w", err)
		}
		is.RemoteID, is.Scopes, is.Ending, is.Secret = numberText(made.ID), made.Scopes, made.LastEight, sealed
		is.State, is.StateAt, is.SecretAt = store.OutsideActive, t.Now(), t.Now()
		if collected {
			is.CollectedAt = t.Now()
		}
		if is, err = t.updateGiteaToken(ctx, is); err != nil {
			return is, err
		}
		t.recordGiteaToken("gitea_token.create", &is, details{After: giteaTokenFacts(&is)})
		t.tellGiteaToken(event.GiteaTokenCreated, &is, "")
		return is, t.overlapGiteaToken(ctx, &is)
	})
	return out, err
}

// overlapGiteaToken has the token before this one end after the overlap.
func (t *transaction) overlapGiteaToken(ctx context.Context, successor *store.OutsideCredential) error {
	if successor.Predecessor == "" {
		return nil
	}
	before, err := t.OutsideCredential(ctx, store.SystemGitea, successor.Predecessor)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	after := before
	if end := t.Now().Add(before.Overlap); after.ExpiresAt.IsZero() || end.Before(after.ExpiresAt) {
		after.ExpiresAt = end
	}
	if after, err = t.updateGiteaToken(ctx, after); err != nil {
		return err
	}
	t.recordGiteaToken("gitea_token.rotate", &after, changedFacts(giteaTokenFacts(&before), giteaTokenFacts(&after)))
	t.emit(event.GiteaTokenRotated, after.Namespace, event.GiteaTokenRotation{
		Token: eventGiteaToken(&after), Successor: eventGiteaToken(successor), EndsAt: after.ExpiresAt,
		Waits: successor.CollectedAt.IsZero(), Actor: t.actor.ID,
	})
	return nil
}
