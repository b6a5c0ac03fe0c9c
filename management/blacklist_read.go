package management

import (
	"context"

	"credence/store"
)

// BlacklistRead reads one rule.
func (s *Service) BlacklistRead(ctx context.Context, a Actor, id string) (store.BlacklistRule, error) {
	return readRule(ctx, s.store, a, id)
}

// readRule reads a rule that the actor may see; a global rule is in no
// namespace, so only global actors may see it.
func readRule(ctx context.Context, r store.BlacklistReader, a Actor, id string) (store.BlacklistRule, error) {
	what := "blacklist rule " + quoted(id)
	rule, err := r.BlacklistRule(ctx, id)
	if err != nil {
		return store.BlacklistRule{}, failed(what, err)
	}
	if !a.May(rule.Namespace) {
		return store.BlacklistRule{}, notFound(what)
	}
	return rule, nil
}
