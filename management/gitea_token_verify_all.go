package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/management/remote"
	"credence/store"
)

const (
	// verifyEvery is how old what is known of a secret may grow. Trying one out
	// counts as a use of it at the other program, so it is not done often.
	verifyEvery = 24 * time.Hour
	// mostVerified bounds what one pass tries out over one connection.
	mostVerified = 500
)

// unverified reports whether a secret has not been tried out for long.
func (s *Service) unverified(since, verifiedAt time.Time) bool {
	if verifiedAt.After(since) {
		since = verifiedAt
	}
	return s.now().Sub(since) >= verifyEvery
}

// GiteaVerifyAll tries out the secrets that nobody has tried out for verifyEvery;
// a pass calls it. It is bounded by mostVerified for each connection: the pass
// after it goes on with the rest.
func (s *Service) GiteaVerifyAll(ctx context.Context) (tried int, err error) {
	all, _, err := s.store.Connections(ctx, store.ConnectionGitea, nil, store.Page{Limit: store.MaxPage}) // there are at most maxConnections
	if err != nil || s.gitea == nil {
		return 0, err
	}
	var errs []error
	for i := range all {
		if !all[i].Usable() {
			continue
		}
		n, err := s.verifyGiteaConnection(ctx, &all[i])
		if tried += n; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", connectionName(all[i].Kind, all[i].Name), err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return tried, errors.Join(errs...)
}

func (s *Service) verifyGiteaConnection(ctx context.Context, c *store.Connection) (tried int, err error) {
	filter := store.OutsideFilter{ConnectionID: c.ID, States: []store.OutsideState{store.OutsideActive, store.OutsideWidened}}
	page := store.Page{Limit: store.MaxPage}
	for more := true; more; more = page.After != "" {
		known, next, err := s.store.OutsideCredentials(ctx, store.SystemGitea, filter, page)
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
			if err := s.reverifyGiteaToken(ctx, is); err != nil {
				return tried, err
			}
			tried++
		}
		page.After = next
	}
	return tried, nil
}

// reverifyGiteaToken tries a secret out by itself. What cannot be said now is tried
// again by the pass after this; one that is gone or changed meanwhile is no
// matter.
func (s *Service) reverifyGiteaToken(ctx context.Context, is *store.OutsideCredential) error {
	f, err := s.giteaForgeOf(ctx, is)
	if err != nil {
		return err
	}
	secret, err := s.giteaSecret(is)
	if err != nil {
		return err
	}
	tried := s.now()
	v := f.Verify(ctx, f.target, claimOf(is, secret))
	if err := ctx.Err(); err != nil || v.Outcome == remote.Unknown {
		return err
	}
	if _, err := s.noteGiteaVerification(ctx, giteaActor(), *is, tried, &v, false); !gone(err) {
		return err
	}
	return nil
}
