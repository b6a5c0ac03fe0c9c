package sqlite

import (
	"context"
	"fmt"
	"slices"

	"credence/store"
)

const keyPolicyColumns = `namespace, key_type, longest_life, default_life, rotate_every, warn_before,
	expiry_required, scopes_required, reason_required, updated_at, version`

func scanKeyPolicy(r row, p *store.KeyPolicy) error {
	return r.Scan(optionalText{&p.Namespace}, &p.KeyType, span{&p.LongestLife}, span{&p.DefaultLife}, span{&p.RotateEvery},
		span{&p.WarnBefore}, &p.ExpiryRequired, &p.ScopesRequired, &p.ReasonRequired, instant{&p.UpdatedAt}, &p.Version)
}

// KeyPolicies implements [store.KeyPolicyReader].
func (r reader) KeyPolicies(ctx context.Context, namespace string) ([]store.KeyPolicy, error) {
	found, err := listRows(ctx, r.q, "SELECT "+keyPolicyColumns+` FROM key_policies
		WHERE namespace = ?1 OR namespace IS NULL AND key_type NOT IN (SELECT key_type FROM key_policies WHERE namespace = ?1)`,
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
	_, err := w.tx.ExecContext(ctx, "INSERT INTO key_policies ("+keyPolicyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		textOrNull(p.Namespace), string(p.KeyType), p.LongestLife.Microseconds(), p.DefaultLife.Microseconds(),
		p.RotateEvery.Microseconds(), p.WarnBefore.Microseconds(), p.ExpiryRequired, p.ScopesRequired, p.ReasonRequired,
		micros(p.UpdatedAt), p.Version)
	if err != nil {
		return fmt.Errorf("insert key policy %s/%s: %w", p.Namespace, p.KeyType, translate(err))
	}
	return nil
}

const keyPolicyVersion = "SELECT version FROM key_policies WHERE namespace IS ? AND key_type = ?"

// UpdateKeyPolicy implements [store.KeyPolicyWriter].
func (w *writer) UpdateKeyPolicy(ctx context.Context, p store.KeyPolicy) error {
	result, err := w.tx.ExecContext(ctx,
		`UPDATE key_policies SET longest_life = ?, default_life = ?, rotate_every = ?, warn_before = ?,
			expiry_required = ?, scopes_required = ?, reason_required = ?, updated_at = ?, version = version + 1
		WHERE namespace IS ? AND key_type = ? AND version = ?`,
		p.LongestLife.Microseconds(), p.DefaultLife.Microseconds(), p.RotateEvery.Microseconds(), p.WarnBefore.Microseconds(),
		p.ExpiryRequired, p.ScopesRequired, p.ReasonRequired, micros(p.UpdatedAt), textOrNull(p.Namespace), string(p.KeyType), p.Version)
	if err != nil {
		return fmt.Errorf("update key policy %s/%s: %w", p.Namespace, p.KeyType, translate(err))
	}
	if err := w.versioned(ctx, result, keyPolicyVersion, textOrNull(p.Namespace), string(p.KeyType)); err != nil {
		return fmt.Errorf("update key policy %s/%s: %w", p.Namespace, p.KeyType, err)
	}
	return nil
}

// DeleteKeyPolicy implements [store.KeyPolicyWriter].
func (w *writer) DeleteKeyPolicy(ctx context.Context, namespace string, keyType store.KeyType, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM key_policies WHERE namespace = ? AND key_type = ? AND version = ?",
		namespace, string(keyType), version)
	if err != nil {
		return fmt.Errorf("delete key policy %s/%s: %w", namespace, keyType, translate(err))
	}
	if err := w.versioned(ctx, result, "SELECT version FROM key_policies WHERE namespace = ? AND key_type = ?", namespace, string(keyType)); err != nil {
		return fmt.Errorf("delete key policy %s/%s: %w", namespace, keyType, err)
	}
	return nil
}
