package management

import (
	"context"
	"strings"

	"credence/store"
)

// outsideAdopt accepts a credential as it is.
type outsideAdopt struct {
	id          string
	owner       string // who answers for it from now on
	description string
}

// adopt accepts a credential as it is in the system: one that others made, or
// one that has more scopes than it was given. It has to be within the limits of
// the connection. The secret of one that others made stays unknown.
func (k keeper) adopt(ctx context.Context, a Actor, in *outsideAdopt) (store.OutsideCredential, error) {
	what := k.name(in.id)
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		before, err := k.read(ctx, t, a, in.id)
		if err != nil {
			return before, err
		}
		if before.State != store.OutsideStranger && before.State != store.OutsideWidened {
			return before, refuse(CodeConflict, "%s: is %s; only a stranger or a widened %s is adopted", what, before.State, k.noun)
		}
		c, err := t.Connection(ctx, before.ConnectionID)
		if err != nil {
			return before, err
		}
		p, after := &problems{now: t.Now()}, before
		after.Owner = p.text("owner", orDefault(in.owner, before.Owner), 0, maxName)
		after.Description = p.description(orDefault(in.description, before.Description))
		after.Scopes, after.State, after.StateAt = before.Seen.ServerScopes, store.OutsideActive, t.Now()
		if before.State == store.OutsideStranger {
			// It gets the end that the policy wants. It is not rotated by itself:
			// who uses it does not fetch a secret here.
			anew := after
			anew.CreatedAt = t.Now()
			if anew.ExpiresAt, err = t.clipLife(ctx, after.Namespace, after.ExpiresAt); err == nil {
				err = k.keepPolicy(ctx, t, p, &anew)
			}
			if err != nil {
				return before, err
			}
			after.ExpiresAt = anew.ExpiresAt
		}
		if err := p.err(what); err != nil {
			return before, err
		}
		k.checkLogin(p, &c, after.Login)
		if len(p.fields) > 0 || !k.within(c.Scopes, after.Scopes) {
			return before, refuse(CodeConflict, "%s: %s (%s) are beyond the limits of the connection; delete it, or widen the connection first", what, k.limits, strings.Join(after.Scopes, ", "))
		}
		if after, err = k.update(ctx, t, after); err != nil {
			return before, err
		}
		k.record(t, "adopt", &after, k.changed(&before, &after))
		return after, nil
	})
	return out, err
}
