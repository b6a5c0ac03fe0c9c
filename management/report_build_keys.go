package management

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"credence/management/report"
	"credence/store"
)

func (b *reporter) keys(ctx context.Context) error {
	now := b.head.CreatedAt
	for _, c := range []struct {
		into *int
		of   store.KeyFilter
	}{
		{&b.out.Keys.Active, store.KeyFilter{Status: store.StatusActive, UnexpiredAt: now}},
		{&b.out.Keys.Expired, store.KeyFilter{Statuses: live(), ExpiredAt: now}},
		{&b.out.Keys.Disabled, store.KeyFilter{Status: store.StatusDisabled, UnexpiredAt: now}},
		{&b.out.Keys.Suspended, store.KeyFilter{Status: store.StatusSuspended, UnexpiredAt: now}},
		{&b.out.Keys.Revoked, store.KeyFilter{Status: store.StatusRevoked}},
	} {
		c.of.Namespaces = b.scopes
		n, err := b.store.CountKeys(ctx, c.of)
		if err != nil {
			return err
		}
		*c.into = n
	}
	return nil
}

// lines lists the first of the keys that a filter finds, in the order of their
// instants, and counts all of them.
func (b *reporter) lines(ctx context.Context, of store.KeyFilter, instants func(context.Context, []store.Key) (map[string]time.Time, error)) (report.List[report.KeyLine], error) {
	of.Namespaces = b.scopes
	var out report.List[report.KeyLine]
	page := store.Page{Limit: store.MaxPage}
	for range reportPages {
		keys, next, err := b.store.Keys(ctx, of, page)
		if err != nil {
			return out, err
		}
		at, err := instants(ctx, keys)
		if err != nil {
			return out, err
		}
		for i := range keys {
			out.Items = append(out.Items, keyLine(&keys[i], at[keys[i].KeyID], ""))
		}
		slices.SortFunc(out.Items, func(x, y report.KeyLine) int {
			return cmp.Or(x.At.Compare(y.At), strings.Compare(x.KeyID, y.KeyID))
		})
		out.Items = out.Items[:min(len(out.Items), reportLines)]
		out.Total += len(keys)
		if page.After = next; next == "" {
			return out, nil
		}
	}
	total, err := b.store.CountKeys(ctx, of)
	out.Total = total
	return out, err
}

func keyLine(k *store.Key, at time.Time, note string) report.KeyLine {
	return report.KeyLine{KeyID: k.KeyID, Name: k.Name, Namespace: k.Namespace, Owner: k.Owner, KeyType: string(k.KeyType), At: at, Note: note}
}

// each is the instants that keys hold themselves.
func each(instant func(*store.Key) time.Time) func(context.Context, []store.Key) (map[string]time.Time, error) {
	return func(_ context.Context, keys []store.Key) (map[string]time.Time, error) {
		at := map[string]time.Time{}
		for i := range keys {
			at[keys[i].KeyID] = instant(&keys[i])
		}
		return at, nil
	}
}

func (b *reporter) expiring(ctx context.Context) (err error) {
	now := b.head.CreatedAt
	b.out.Expiring, err = b.lines(ctx, store.KeyFilter{Status: store.StatusActive, UnexpiredAt: now, ExpiresBy: now.Add(reportExpiring)},
		each(func(k *store.Key) time.Time { return k.ExpiresAt }))
	return err
}

func (b *reporter) unused(ctx context.Context) (err error) {
	now := b.head.CreatedAt
	b.out.Unused, err = b.lines(ctx, store.KeyFilter{Status: store.StatusActive, UnexpiredAt: now, UnusedSince: now.Add(-reportUnused)},
		each(func(k *store.Key) time.Time { return k.LastUsedAt }))
	return err
}

func (b *reporter) rotations(ctx context.Context) (err error) {
	now := b.head.CreatedAt
	b.out.RotationsDue, err = b.lines(ctx, store.KeyFilter{Status: store.StatusActive, UnexpiredAt: now, RotationDueAt: now},
		func(ctx context.Context, keys []store.Key) (map[string]time.Time, error) {
			return b.RotationsDue(ctx, keys...)
		})
	return err
}

// breaches looks at a bounded number of keys: a policy is no filter of the
// store.
func (b *reporter) breaches(ctx context.Context) error {
	check := policyChecker{reader: b.store, now: b.head.CreatedAt, policies: map[string][]store.KeyPolicy{}}
	of := store.KeyFilter{Namespaces: b.scopes, Status: store.StatusActive}
	page := store.Page{Limit: store.MaxPage}
	out := &b.out.Breaches
	for range reportPages {
		keys, next, err := b.store.Keys(ctx, of, page)
		if err != nil {
			return err
		}
		for i := range keys {
			switch found, err := check.check(ctx, &keys[i]); {
			case err != nil:
				return err
			case found == nil || len(found.Breaches) == 0:
				continue
			default:
				if out.Total++; len(out.Items) < reportLines {
					out.Items = append(out.Items, keyLine(&keys[i], time.Time{}, broken(found.Breaches)))
				}
			}
		}
		if page.After = next; next == "" {
			return nil
		}
	}
	out.More = true
	return nil
}

// broken says what of a policy is broken.
func broken(breaches []FieldError) string {
	var parts []string
	for _, f := range breaches {
		parts = append(parts, f.Field+": "+f.Problem)
	}
	return strings.Join(parts, "; ")
}
