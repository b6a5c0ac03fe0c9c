package management

import (
	"context"
	"fmt"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
)

// N8NKeyVerified is the answer of [Service.N8NKeyVerify].
type N8NKeyVerified struct {
	Key     store.OutsideCredential
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
	if is.State == store.OutsideMaking || is.State == store.OutsideRotating || is.State == store.OutsideDeleting {
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
	tried := s.now()
	v := f.Verify(ctx, f.target, secret)
	if err := ctx.Err(); err != nil {
		return N8NKeyVerified{}, failed(n8nKeyName(id), err)
	}
	is, err = s.noteN8NVerification(ctx, a, is, tried, &v, true)
	out := N8NKeyVerified{Key: is, Outcome: v.Outcome}
	if a.Global() && a.Role.Includes(store.RoleAdmin) {
		out.Why = v.Text
	}
	return out, err
}

// noteN8NVerification records what came of trying out the secret that a key
// had: not of one that has another by now, or was tried out later. One that is
// invalid is a finding. asked: it is recorded even when nothing is new, since a
// person wanted it.
func (s *Service) noteN8NVerification(ctx context.Context, a Actor, had store.OutsideCredential, tried time.Time, v *n8n.Verdict, asked bool) (store.OutsideCredential, error) {
	out, _, err := transact(ctx, s, a, n8nKeyName(had.ID), func(ctx context.Context, t *transaction) (store.OutsideCredential, error) {
		is, err := t.OutsideCredential(ctx, store.SystemN8N, had.ID)
		if err != nil {
			return is, err
		}
		was, set := is.Seen.Outcome, false
		if v.Outcome != remote.Unknown {
			now := store.OutsideSeen{VerifiedAt: tried.UTC().Truncate(time.Microsecond), Outcome: string(v.Outcome)}
			if set, err = t.SetOutsideVerified(ctx, store.SystemN8N, is.ID, had.SecretAt, now); err != nil {
				return is, err
			}
			if set {
				is.Seen.VerifiedAt, is.Seen.Outcome = now.VerifiedAt, now.Outcome
			}
		}
		if asked || set && was != is.Seen.Outcome {
			t.recordN8NKey("n8n_key.verify", &is, details{After: facts{"outcome": string(v.Outcome)}})
		}
		if !set || v.Outcome != remote.Invalid || was == string(remote.Invalid) {
			return is, nil
		}
		t.tellN8NKey(event.N8NKeyInvalid, &is, "")
		return is, s.seeCredential(ctx, t, "credential_invalid", store.SeverityMedium, is.Namespace, "n8n_key:"+is.ID,
			fmt.Sprintf("The key %s of the n8n account %s is not accepted any more.", is.Name, is.Login))
	})
	return out, err
}
