package management

import (
	"context"
)

// N8NKeyCollect hands out the secret of a key that took over from
// another by schedule: once, to whoever comes first.
func (s *Service) N8NKeyCollect(ctx context.Context, a Actor, id string) (N8NKeyCreated, error) {
	what := n8nKeyName(id)
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (N8NKeyCreated, error) {
		is, err := readN8NKey(ctx, t, a, id)
		if err != nil {
			return N8NKeyCreated{}, err
		}
		if !is.CollectedAt.IsZero() {
			return N8NKeyCreated{}, refuse(CodeConflict, "%s: its secret was handed out already; rotate it for another", what)
		}
		secret, err := s.n8nSecret(&is)
		if err != nil {
			return N8NKeyCreated{}, err
		}
		is.CollectedAt, is.UpdatedAt = t.Now(), t.Now()
		if err := t.UpdateOutsideCredential(ctx, is); err != nil {
			return N8NKeyCreated{}, err
		}
		is.Version++
		t.recordN8NKey("n8n_key.collect", &is, details{})
		return N8NKeyCreated{Key: is, Secret: secret}, nil
	})
	return out, err
}
