package management

import (
	"context"

	"credence/store"
)

// BlacklistRemove ends a rule before its time.
func (s *Service) BlacklistRemove(ctx context.Context, a Actor, id string) (store.Position, error) {
	what := "blacklist rule " + quoted(id)
	_, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.BlacklistRule, error) {
		r, err := readRule(ctx, t, a, id)
		if err != nil {
			return store.BlacklistRule{}, err
		}
		if err := mayBlacklist(a, r.Namespace, false); err != nil {
			return store.BlacklistRule{}, err
		}
		if err := t.DeleteBlacklistRule(ctx, r); err != nil {
			return store.BlacklistRule{}, err
		}
		t.recordRule("blacklist.remove", &r, details{Before: ruleFacts(&r)})
		return r, nil
	})
	return position, err
}
