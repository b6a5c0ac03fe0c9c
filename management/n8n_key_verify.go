package management

import (
	"context"
	"fmt"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
)

// N8NKeyVerified is the answer of [Service.N8NKeyVerify].
type N8NKeyVerified struct {
	Key     store.N8NKey
	Outcome remote.Outcome
	Why     string // in the words of the server, for global admins only
}

// N8NKeyVerify tries the secret of a key out. That counts as a use of
// it. When nobody can say, what was known before stays.
func (s *Service) N8NKeyVerify(ctx context.Context, a Actor, id string) (N8NKeyVerified, error) {
	is, err := readN8NKey(ctx, s.store, a, id)
	if err != nil {
		return N8NKeyVerified{}, err
	}
	if is.State == store.N8NKeyMaking || is.State == store.N8NKeyRotating || is.State == store.N8NKeyDeleting {
		return N8NKeyVerified{}, refuse(CodeConflict, "%s: is %s; try again in some minutes", n8nKeyName(id), is.State)
	}
	f, err := s.n8nGateOf(ctx, &is)
	if err != nil {
		return N8NKeyVerified{}, err
	}
	secret, err := s.n8nSecret(&is)
	if err != nil {
		return N8NKeyVerified{}, err
	}
	v := f.Verify(ctx, f.target, secret)
	if err := ctx.Err(); err != nil {
		return N8NKeyVerified{}, failed(n8nKeyName(id), err)
	}
	is, err = s.noteN8NVerification(ctx, a, is, &v)
	out := N8NKeyVerified{Key: is, Outcome: v.Outcome}
	if a.Global() && a.Role.Includes(store.RoleAdmin) {
		out.Why = v.Text
	}
	return out, err
}

// noteN8NVerification records what came of trying a key out. One that is
// invalid is a finding.
func (s *Service) noteN8NVerification(ctx context.Context, a Actor, is store.N8NKey, v *n8n.Verdict) (store.N8NKey, error) {
	was := is.Seen.Outcome
	if v.Outcome != remote.Unknown {
		is.Seen.VerifiedAt, is.Seen.Outcome = s.now().UTC(), string(v.Outcome)
		if err := s.store.SetN8NKeySeen(ctx, is.ID, is.Seen); err != nil {
			return is, failed(n8nKeyName(is.ID), err)
		}
	}
	_, _, err := transact(ctx, s, a, n8nKeyName(is.ID), func(ctx context.Context, t *transaction) (struct{}, error) {
		t.recordN8NKey("n8n_key.verify", &is, details{After: facts{"outcome": string(v.Outcome)}})
		if v.Outcome != remote.Invalid || was == string(remote.Invalid) {
			return struct{}{}, nil
		}
		t.tellN8NKey(event.N8NKeyInvalid, &is, "")
		return struct{}{}, s.seeCredential(ctx, t, "credential_invalid", store.SeverityMedium, is.Namespace, "n8n_key:"+is.ID,
			fmt.Sprintf("The key %s of the n8n account %s is not accepted any more.", is.Label, is.Login))
	})
	return is, err
}
