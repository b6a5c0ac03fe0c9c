package management

import (
	"context"
	"errors"
	"fmt"

	"credence/management/remote"
	"credence/store"
)

// N8NVerifyAll tries out the secrets that nobody has tried out for verifyEvery;
// a pass calls it. It is bounded by mostVerified for each connection: the pass
// after it goes on with the rest.
func (s *Service) N8NVerifyAll(ctx context.Context) (tried int, err error) {
	all, _, err := s.store.Connections(ctx, store.ConnectionN8N, nil, store.Page{Limit: store.MaxPage}) // there are at most maxConnections
	if err != nil || s.n8n == nil {
		return 0, err
	}
	var errs []error
	for i := range all {
		if !all[i].Usable() {
			continue
		}
		n, err := s.verifyN8NConnection(ctx, &all[i])
		if tried += n; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", connectionName(all[i].Kind, all[i].Name), err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return tried, errors.Join(errs...)
}

func (s *Service) verifyN8NConnection(ctx context.Context, c *store.Connection) (tried int, err error) {
	filter := store.OutsideFilter{ConnectionID: c.ID, States: []store.OutsideState{store.OutsideActive, store.OutsideWidened}}
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		known, next, err := s.store.OutsideCredentials(ctx, store.SystemN8N, filter, page)
		if err != nil {
			return tried, err
		}
		for i := range known {
			is := &known[i]
			if len(is.Secret) == 0 || !s.unverified(is.SecretAt, is.Seen.VerifiedAt) {
				continue
			}
			if tried == mostVerified {
				return tried, nil
			}
			if err := s.reverifyN8NKey(ctx, is); err != nil {
				return tried, err
			}
			tried++
		}
		page.After = next
	}
	return tried, nil
}

// reverifyN8NKey tries a secret out by itself. What cannot be said now is tried
// again by the pass after this; one that is gone or changed meanwhile is no
// matter.
func (s *Service) reverifyN8NKey(ctx context.Context, is *store.OutsideCredential) error {
	f, err := s.n8nGateOf(ctx, is)
	if err != nil {
		return err
	}
	secret, err := s.n8nSecret(is)
	if err != nil {
		return err
	}
	tried := s.now()
	v := f.Verify(ctx, f.target, secret)
	if err := ctx.Err(); err != nil || v.Outcome == remote.Unknown {
		return err
	}
	if _, err := s.noteN8NVerification(ctx, n8nActor(), *is, tried, &v, false); !gone(err) {
		return err
	}
	return nil
}
