package management

import (
	"context"

	"credence/store"
	"credence/store/credential"
)

// MostUsableTokens bounds what [Service.UsableTokens] answers.
const MostUsableTokens = 10_000

// UsableTokens answers the digests of the admin tokens that can be used now,
// at most [MostUsableTokens]. It tells tokens from guesses without a look-up of
// each; what is in it is no proof, and what is missing is no refusal.
func (s *Service) UsableTokens(ctx context.Context) (map[credential.Digest]struct{}, error) {
	usable := map[credential.Digest]struct{}{}
	filter, page := store.TokenFilter{UsableAt: s.now()}, store.Page{Limit: store.MaxPage}
	for {
		tokens, next, err := s.store.Tokens(ctx, filter, page)
		if err != nil {
			return nil, failed("list admin tokens", err)
		}
		for i := range tokens {
			usable[tokens[i].Hash] = struct{}{}
		}
		if next == "" || len(usable) >= MostUsableTokens {
			return usable, nil
		}
		page.After = next
	}
}
