package management

import (
	"context"
	"fmt"
	"time"

	"credence/management/event"
	"credence/management/gitea"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// GiteaTokenVerified is the answer of [Service.GiteaTokenVerify].
type GiteaTokenVerified struct {
	Token   store.OutsideCredential
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
	if is.State == store.OutsideMaking || is.State == store.OutsideDeleting {
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
	tried := s.now()
	v := f.Verify(ctx, f.target, claimOf(&is, secret))
	if err := ctx.Err(); err != nil {
		return GiteaTokenVerified{}, failed(giteaTokenName(id), err)
	}
	is, err = s.noteGiteaVerification(ctx, a, is, tried, &v, true)
	out := GiteaTokenVerified{Token: is, Outcome: v.Outcome}
	if a.Global() && a.Role.Includes(store.RoleAdmin) {
		out.Why = v.Why
	}
	return out, err
}

// noteGiteaVerification records what came of trying out the secret that a token
// had: not of one that has another by now, or was tried out later. One that is
// invalid is a finding. asked: it is recorded even when nothing is new, since a
// person wanted it.
func (s *Service) noteGiteaVerification(ctx context.Context, a Actor, had store.OutsideCredential, tried time.Time, v *gitea.Verification, asked bool) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, a, giteaTokenName(had.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, store.SystemGitea, had.ID)
		if err != nil {
			return is, err
		}
		was, set := is.Seen.Outcome, false
		if v.Outcome != remote.Unknown {
			now := store.OutsideSeen{VerifiedAt: tried.UTC().Truncate(time.Microsecond), Outcome: string(v.Outcome)}
			if set, err = t.SetOutsideVerified(ctx, store.SystemGitea, is.ID, had.SecretAt, now); err != nil {
				return is, err
			}
			if set {
				is.Seen.VerifiedAt, is.Seen.Outcome = now.VerifiedAt, now.Outcome
			}
		}
		if asked || set && was != is.Seen.Outcome {
			t.recordGiteaToken("gitea_token.verify", &is, details{After: facts{"outcome": string(v.Outcome)}})
		}
		if !set || v.Outcome != remote.Invalid || was == string(remote.Invalid) {
			return is, nil
		}
		t.tellGiteaToken(event.GiteaTokenInvalid, &is, "")
		return is, s.seeCredential(ctx, t, "credential_invalid", store.SeverityMedium, is.Namespace, "gitea_token:"+is.ID,
			fmt.Sprintf("The token %s of the Gitea user %s is not accepted any more.", is.Name, is.Login))
	})
	return out, err
}

// claimOf is the token as it is tried out.
func claimOf(is *store.OutsideCredential, secret credential.Text) gitea.Claim {
	id, user, _ := is.Numbers() // 0: whichever
	return gitea.Claim{Secret: secret, TokenID: id, UserID: user}
}
