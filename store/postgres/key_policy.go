package postgres

import (
	"context"
	"fmt"
	"slices"

	"credence/store"
)

const keyPolicyColumns = `namespace, key_type, longest_life, default_life, rotate_every, warn_before,
	expiry_required, scopes_required, reason_required, updated_at, version`

func scanKeyPolicy(r row, p *store.KeyPolicy) error {
	return r.Scan(optionalText{&p.Namespace}, &p.KeyType, &p.LongestLife, &p.DefaultLife, &p.RotateEvery, &p.WarnBefore,
		&p.ExpiryRequired, &p.ScopesRequired, &p.ReasonRequired, instant{&p.UpdatedAt}, &p.Version)
}

// KeyPolicies implements [store.KeyPolicyReader].
func (r reader) KeyPolicies(ctx context.Context, namespace string) ([]store.KeyPolicy, error) {
	found, err := listRows(ctx, r.q, "SELECT "+keyPolicyColumns+` FROM credence.key_policies
		WHERE namespace = $1 OR namespace IS NULL AND key_type NOT IN (SELECT key_type FROM credence.key_policies WHERE namespace = $1)`,
		[]any{namespace}, scanKeyPolicy)
	if err != nil {
		return nil, fmt.Errorf("key policies of %q: %w", namespace, err)
	}
	types := store.KeyTypes()
	slices.SortFunc(found, func(a, b store.KeyPolicy) int {
		return slices.Index(types, a.KeyType) - slices.Index(types, b.KeyType)
	})
	return found, nil
}

// InsertKeyPolicy implements [store.KeyPolicyWriter].
func (w *writer) InsertKeyPolicy(ctx context.Context, p store.KeyPolicy) error {
	_, err := w.q.exec(ctx,
		"INSERT INTO credence.key_policies ("+keyPolicyColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		textOrNull(p.Namespace), string(p.KeyType), p.LongestLife, p.DefaultLife, p.RotateEvery, p.WarnBefore,
		p.ExpiryRequired, p.ScopesRequired, p.ReasonRequired, timeOrNull(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert key policy %s/%s: %w", p.Namespace, p.KeyType, err)
	}
	return nil
}

const keyPolicyVersion = "SELECT version FROM credence.key_policies WHERE namespace IS NOT DISTINCT FROM $1 AND key_type = $2"

// UpdateKeyPolicy implements [store.KeyPolicyWriter].
func (w *writer) UpdateKeyPolicy(ctx context.Context, p store.KeyPolicy) error {
	changed, err := w.q.exec(ctx,
		`UPDATE credence.key_policies SET longest_life = $1, default_life = $2, rotate_every = $3, warn_before = $4,
			expiry_required = $5, scopes_required = $6, reason_required = $7, updated_at = $8, version = version + 1
		WHERE namespace IS NOT DISTINCT FROM $9 AND key_type = $10 AND version = $11`,
		p.LongestLife, p.DefaultLife, p.RotateEvery, p.WarnBefore, p.ExpiryRequired, p.ScopesRequired, p.ReasonRequired,
		timeOrNull(p.UpdatedAt), textOrNull(p.Namespace), string(p.KeyType), p.Version)
	if err := w.versioned(ctx, changed, err, keyPolicyVersion, textOrNull(p.Namespace), string(p.KeyType)); err != nil {
		return fmt.Errorf("update key policy %s/%s: %w", p.Namespace, p.KeyType, err)
	}
	return nil
}

// DeleteKeyPolicy implements [store.KeyPolicyWriter].
func (w *writer) DeleteKeyPolicy(ctx context.Context, namespace string, keyType store.KeyType, version int64) error {
	changed, err := w.q.exec(ctx, "DELETE FROM credence.key_policies WHERE namespace = $1 AND key_type = $2 AND version = $3",
		namespace, string(keyType), version)
	err = w.versioned(ctx, changed, err, "SELECT version FROM credence.key_policies WHERE namespace = $1 AND key_type = $2",
		namespace, string(keyType))
	if err != nil {
		return fmt.Errorf("delete key policy %s/%s: %w", namespace, keyType, err)
	}
	return nil
}
