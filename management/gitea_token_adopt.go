package management

import (
	"context"
	"strings"

	"credence/management/gitea"
	"credence/store"
)

// GiteaTokenAdopt is the input of [Service.GiteaTokenAdopt].
type GiteaTokenAdopt struct {
	ID          string
	Owner       string // who answers for it from now on
	Description string
}

// GiteaTokenAdopt accepts a token as it is on the server: one that others
// made, or one that has more scopes than it was given. It has to be within the
// limits of the connection. The secret of one that others made stays unknown.
func (s *Service) GiteaTokenAdopt(ctx context.Context, a Actor, in GiteaTokenAdopt) (store.OutsideCredential, error) {
	what := giteaTokenName(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		before, err := readGiteaToken(ctx, t, a, in.ID)
		if err != nil {
			return before, err
		}
		if before.State != store.OutsideStranger && before.State != store.OutsideWidened {
			return before, refuse(CodeConflict, "%s: is %s; only a stranger or a widened token is adopted", what, before.State)
		}
		c, err := t.Connection(ctx, before.ConnectionID)
		if err != nil {
			return before, err
		}
		p, after := &problems{now: t.Now()}, before
		after.Owner = p.text("owner", orDefault(in.Owner, before.Owner), 0, maxName)
		after.Description = p.description(orDefault(in.Description, before.Description))
		after.Scopes, after.State, after.StateAt = before.Seen.ServerScopes, store.OutsideActive, t.Now()
		if before.State == store.OutsideStranger {
			// It gets the end that the policy wants. It is not rotated by itself:
			// who uses it does not fetch a secret here.
			anew := after
			anew.CreatedAt = t.Now()
			if anew.ExpiresAt, err = t.clipLife(ctx, after.Namespace, after.ExpiresAt); err == nil {
				err = t.keepGiteaPolicy(ctx, p, &anew)
			}
			if err != nil {
				return before, err
			}
			after.ExpiresAt = anew.ExpiresAt
		}
		if err := p.err(what); err != nil {
			return before, err
		}
		p.giteaLogin(&c, after.Login)
		if len(p.fields) > 0 || !gitea.Within(c.Scopes, after.Scopes) {
			return before, refuse(CodeConflict, "%s: its user or its scopes (%s) are beyond the limits of the connection; delete it, or widen the connection first", what, strings.Join(after.Scopes, ", "))
		}
		if after, err = t.updateGiteaToken(ctx, after); err != nil {
			return before, err
		}
		t.recordGiteaToken("gitea_token.adopt", &after, changedFacts(giteaTokenFacts(&before), giteaTokenFacts(&after)))
		return after, nil
	})
	return out, err
}
