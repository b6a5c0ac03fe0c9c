package management

import (
	"context"
	"errors"
	"time"

	"credence/store"
)

// BlacklistExpire removes a rule whose time is over; the job of that name
// calls it. It answers the zero time when the rule is gone, by this call or
// before, else the instant at which to call again.
func (s *Service) BlacklistExpire(ctx context.Context, id string) (again time.Time, err error) {
	a := Actor{ID: "job:" + jobBlacklistExpire, Role: store.RoleAdmin}
	again, _, err = transact(ctx, s, a, "blacklist rule "+quoted(id), func(ctx context.Context, t *transaction) (time.Time, error) {
		r, err := t.BlacklistRule(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return time.Time{}, nil
		case err != nil:
			return time.Time{}, err
		case r.EndsAt.IsZero():
			return time.Time{}, refuse(CodeConflict, "blacklist rule %q: has no end", id)
		case !r.Ended(t.Now()):
			return r.EndsAt, nil
		}
		if err := t.DeleteBlacklistRule(ctx, r); err != nil {
			return time.Time{}, err
		}
		t.recordRule("blacklist.expire", &r, details{Before: ruleFacts(&r)})
		return time.Time{}, nil
	})
	return again, err
}
