package management

import "context"

// collect hands out the secret of a credential that took over from another by
// schedule: once, to whoever comes first.
func (k keeper) collect(ctx context.Context, a Actor, id string) (outsideCreated, error) {
	what := k.name(id)
	out, _, err := transact(ctx, k.Service, a, what, func(ctx context.Context, t *transaction) (outsideCreated, error) {
		is, err := k.read(ctx, t, a, id)
		if err != nil {
			return outsideCreated{}, err
		}
		if !is.CollectedAt.IsZero() {
			return outsideCreated{}, refuse(CodeConflict, "%s: its secret was handed out already; rotate it for another", what)
		}
		secret, err := k.secretOf(&is)
		if err != nil {
			return outsideCreated{}, err
		}
		is.CollectedAt, is.UpdatedAt = t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return outsideCreated{}, err
		}
		is.Version++
		k.record(t, "collect", &is, details{})
		return outsideCreated{is: is, secret: secret}, nil
	})
	return out, err
}
