package management

import (
	"context"
	"fmt"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
)

// GiteaTokenVerified is the answer of [Service.GiteaTokenVerify].
type GiteaTokenVerified struct {
	Token   store.GiteaToken
	Outcome remote.Outcome
	Why     string // in the words of the server, for global admins only
}

// GiteaTokenVerify tries the secret of a token out. That counts as a use of
// it. When nobody can say, what was known before stays.
func (s *Service) GiteaTokenVerify(ctx context.Context, a Actor, id string) (GiteaTokenVerified, error) {
	is, err := readGiteaToken(ctx, s.store, a, id)
	if err != nil {
		return GiteaTokenVerified{}, err
	}
	if is.State == store.GiteaTokenMaking || is.State == store.GiteaTokenDeleting {
		return GiteaTokenVerified{}, refuse(CodeConflict, "%s: is %s; try again in some minutes", giteaTokenName(id), is.State)
	}
	f, err := s.giteaForgeOf(ctx, &is)
	if err != nil {
		return GiteaTokenVerified{}, err
	}
	secret, err := s.giteaSecret(&is)
	if err != nil {
		return GiteaTokenVerified{}, err
	}
	v := f.Verify(ctx, f.target, gitea.Claim{Secret: secret, TokenID: is.GiteaTokenID, UserID: is.UserID})
	if err := ctx.Err(); err != nil {
		return GiteaTokenVerified{}, failed(giteaTokenName(id), err)
	}
	is, err = s.noteGiteaVerification(ctx, a, is, &v)
	out := GiteaTokenVerified{Token: is, Outcome: v.Outcome}
	if a.Global() && a.Role.Includes(store.RoleAdmin) {
		out.Why = v.Why
	}
	return out, err
}

// noteGiteaVerification records what came of trying a token out. One that is
// invalid is a finding.
func (s *Service) noteGiteaVerification(ctx context.Context, a Actor, is store.GiteaToken, v *gitea.Verification) (store.GiteaToken, error) {
	was := is.Seen.Outcome
	if v.Outcome != remote.Unknown {
		is.Seen.VerifiedAt, is.Seen.Outcome = s.now().UTC(), string(v.Outcome)
		if err := s.store.SetGiteaTokenSeen(ctx, is.ID, is.Seen); err != nil {
			return is, failed(giteaTokenName(is.ID), err)
		}
	}
	_, _, err := transact(ctx, s, a, giteaTokenName(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		t.recordGiteaToken("gitea_token.verify", &is, details{After: facts{"outcome": string(v.Outcome)}})
		if v.Outcome != remote.Invalid || was == string(remote.Invalid) {
			return struct{}{}, nil
		}
		t.tellGiteaToken(event.GiteaTokenInvalid, &is, "")
		return struct{}{}, s.seeCredential(ctx, t, "credential_invalid", store.SeverityMedium, is.Namespace, "gitea_token:"+is.ID,
			fmt.Sprintf("The token %s of the Gitea user %s is not accepted any more.", is.TokenName, is.Login))
	})
	return is, err
}
