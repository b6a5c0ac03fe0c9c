package management

import (
	"context"
	"maps"
	"slices"

	"credence/management/remote"
	"credence/store"
)

// followGiteaRenames notes the logins that users have now, from a place on, which
// it moves, until the part is done. A user who was renamed keeps the tokens:
// under the old login they would be missing, and strangers under the new one.
func (s *Service) followGiteaRenames(ctx context.Context, a Actor, f *forge, place *giteaPlace, part *part) error {
	known := map[int64][]store.OutsideCredential{} // by user
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		tokens, next, err := s.store.OutsideCredentials(ctx, store.SystemGitea, store.OutsideFilter{ConnectionID: f.connection.ID}, page)
		if err != nil {
			return err
		}
		for i := range tokens {
			if _, id, err := tokens[i].Numbers(); err == nil && id != 0 {
				known[id] = append(known[id], tokens[i])
			}
		}
		page.After = next
	}
	for _, id := range slices.Sorted(maps.Keys(known)) {
		if id <= place.user {
			continue
		}
		if !part.goesOn(s.now()) {
			return nil
		}
		place.user = id
		login, err := f.LoginOf(ctx, f.target, id)
		if remote.KindOf(err) == remote.NotFound {
			continue // the comparison finds that they are missing
		}
		if err != nil {
			return err
		}
		for i := range known[id] {
			if err := s.renameGiteaToken(ctx, a, &known[id][i], login); err != nil {
				return err
			}
		}
	}
	place.renamed = true
	return nil
}

// renameGiteaToken notes the login of the token's user.
func (s *Service) renameGiteaToken(ctx context.Context, a Actor, was *store.OutsideCredential, login string) error {
	if was.Login == login {
		return nil
	}
	_, _, err := transact(ctx, s, a, giteaTokenName(was.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		is := *was
		is.Login, is.UpdatedAt = login, t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return struct{}{}, err
		}
		t.recordGiteaToken("gitea_token.rename", &is, changedFacts(giteaTokenFacts(was), giteaTokenFacts(&is)))
		return struct{}{}, nil
	})
	if gone(err) { // it has changed meanwhile; the next comparison looks again
		return nil
	}
	return err
}
