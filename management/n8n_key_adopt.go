package management

import (
	"context"
	"strings"

	"credence/store"
)

// N8NKeyAdopt is the input of [Service.N8NKeyAdopt].
type N8NKeyAdopt struct {
	ID          string
	Owner       string // who answers for it from now on
	Description string
}

// N8NKeyAdopt accepts a key as it is at n8n: one that others made, or one that
// has more scopes than it was given. It has to be within the limits of the
// connection. The secret of one that others made stays unknown.
func (s *Service) N8NKeyAdopt(ctx context.Context, a Actor, in N8NKeyAdopt) (store.OutsideCredential, error) {
	what := n8nKeyName(in.ID)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		before, err := readN8NKey(ctx, t, a, in.ID)
		if err != nil {
			return before, err
		}
		if before.State != store.OutsideStranger && before.State != store.OutsideWidened {
			return before, refuse(CodeConflict, "%s: is %s; only a stranger or a widened key is adopted", what, before.State)
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
				err = t.keepN8NPolicy(ctx, p, &anew)
			}
			if err != nil {
				return before, err
			}
			after.ExpiresAt = anew.ExpiresAt
		}
		if err := p.err(what); err != nil {
			return before, err
		}
		if !within(c.Scopes, after.Scopes) {
			return before, refuse(CodeConflict, "%s: its scopes (%s) are beyond the limits of the connection; delete it, or widen the connection first", what, strings.Join(after.Scopes, ", "))
		}
		if after, err = t.updateN8NKey(ctx, after); err != nil {
			return before, err
		}
		t.recordN8NKey("n8n_key.adopt", &after, changedFacts(n8nKeyFacts(&before), n8nKeyFacts(&after)))
		return after, nil
	})
	return out, err
}
