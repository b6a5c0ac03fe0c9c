package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"credence/store"
)

func storePromises() []promise {
	return []promise{
		{"Transact", "commits when fn answers nil", func(f *fixture) {
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				return w.InsertNamespace(ctx, f.sampleNamespace("tenant"))
			}))
			_, err := f.backend.Namespace(f.Context(), "tenant")
			f.ok(err)
		}},
		{"Transact", "rolls back and answers the error of fn, which runs once", func(f *fixture) {
			undo, runs := errors.New("undo"), 0
			err := f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				runs++
				return errors.Join(w.InsertNamespace(ctx, f.sampleNamespace("tenant")), undo)
			})
			f.refused(err, undo)
			equal(f, runs, 1)
			_, err = f.backend.Namespace(f.Context(), "tenant")
			f.refused(err, store.ErrNotFound)
		}},
		{"Transact", "reads its own writes, which nobody else sees", func(f *fixture) {
			f.ok(f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
				if err := w.InsertNamespace(ctx, f.sampleNamespace("tenant")); err != nil {
					return err
				}
				if _, err := w.Namespace(ctx, "tenant"); err != nil {
					return fmt.Errorf("inside: %w", err)
				}
				if _, err := f.backend.Namespace(ctx, "tenant"); !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("outside: got %w, want not found", err)
				}
				return nil
			}))
		}},
		{"Transact", "is serializable", transactSerializable},
		{"Transact", "is of no use with a context that has ended", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			cancel()
			err := f.backend.Transact(ctx, func(context.Context, store.Writer) error {
				f.Error("fn ran")
				return nil
			})
			f.refused(err, context.Canceled)
		}},
		{"Ping", "answers nil, and ErrUnavailable when the database cannot answer", func(f *fixture) {
			f.ok(f.backend.Ping(f.Context()))
			f.ok(f.backend.Close())
			f.refused(f.backend.Ping(f.Context()), store.ErrUnavailable)
		}},
		{"Ping", "answers ErrUnavailable when it was not given the time", func(f *fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			cancel()
			f.refused(f.backend.Ping(ctx), store.ErrUnavailable)
		}},
		{"ClaimSecrets", "stores the first fingerprint and refuses another one", func(f *fixture) {
			for i, want := range []struct {
				fingerprint string
				claimed     bool
				err         error
			}{{"sha256:aa", true, nil}, {"sha256:aa", false, nil}, {"sha256:bb", false, store.ErrForeignSecrets}, {"sha256:aa", false, nil}} {
				claimed, err := f.backend.ClaimSecrets(f.Context(), store.SecretsFileSecrets, want.fingerprint)
				if claimed != want.claimed || !errors.Is(err, want.err) {
					f.Fatalf("claim %d of %s: got %t, %v; want %t, %v", i, want.fingerprint, claimed, err, want.claimed, want.err)
				}
			}
		}},
		{"SecretsClaimed", "reports each file by itself", func(f *fixture) {
			for _, claim := range []bool{false, true} {
				if claim {
					_, err := f.backend.ClaimSecrets(f.Context(), store.SecretsFileKeyset, "sha256:cc")
					f.ok(err)
				}
				for file, want := range map[store.SecretsFile]bool{store.SecretsFileSecrets: false, store.SecretsFileKeyset: claim} {
					if got, err := f.backend.SecretsClaimed(f.Context(), file); err != nil || got != want {
						f.Fatalf("%s: got %t, %v; want %t", file, got, err, want)
					}
				}
			}
		}},
		{"Close", "releases everything and can be called again", func(f *fixture) {
			f.ok(f.backend.Close())
			f.ok(f.backend.Close())
			_, err := f.backend.Key(f.Context(), keyID(1))
			f.refused(err, store.ErrUnavailable)
			_, err = f.backend.FindKey(f.Context(), nil)
			f.refused(err, store.ErrNotFound)
		}},
	}
}

// transactSerializable has writers add one to the same number, read and
// written in one transaction. A transaction may be refused, and is tried
// again here; a lost update shows in the sum.
func transactSerializable(f *fixture) {
	const writers, each = 5, 8
	before, err := f.backend.Namespace(f.Context(), store.DefaultNamespace)
	f.ok(err)
	var all errgroup.Group
	for range writers {
		all.Go(func() error {
			for done := 0; done < each; {
				err := f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error {
					n, err := w.Namespace(ctx, store.DefaultNamespace)
					if err != nil {
						return err
					}
					n.Description += "+"
					return w.UpdateNamespace(ctx, n)
				})
				switch {
				case err == nil:
					done++
				case !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrUnavailable):
					return err
				}
			}
			return nil
		})
	}
	f.ok(all.Wait())
	after, err := f.backend.Namespace(f.Context(), store.DefaultNamespace)
	f.ok(err)
	equal(f, after.Version, before.Version+writers*each)
	equal(f, after.Description, before.Description+strings.Repeat("+", writers*each))
}
