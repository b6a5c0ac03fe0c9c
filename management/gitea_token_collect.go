package management

import (
	"context"
)

// GiteaTokenCollect hands out the secret of a token that took over from
// another by schedule: once, to whoever comes first.
func (s *Service) GiteaTokenCollect(ctx context.Context, a Actor, id string) (GiteaTokenCreated, error) {
	what := giteaTokenName(id)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (GiteaTokenCreated, error) {
		is, err := readGiteaToken(ctx, t, a, id)
		if err != nil {
			return GiteaTokenCreated{}, err
		}
		if !is.CollectedAt.IsZero() {
			return GiteaTokenCreated{}, refuse(CodeConflict, "%s: its secret was handed out already; rotate it for another", what)
		}
		secret, err := s.giteaSecret(&is)
		if err != nil {
			return GiteaTokenCreated{}, err
		}
		is.CollectedAt, is.UpdatedAt = t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return GiteaTokenCreated{}, err
		}
		is.Version++
		t.recordGiteaToken("gitea_token.collect", &is, details{})
		return GiteaTokenCreated{Token: is, Secret: secret}, nil
	})
	return out, err
}
