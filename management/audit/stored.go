package audit

import (
	"context"
	"fmt"

	"credence/store"
)

// entryReader is what a stored chain is read from. A [store.AuditReader]
// fulfils it.
type entryReader interface {
	AuditEntries(ctx context.Context, namespace string, after int64, limit int) ([]store.AuditEntry, error)
}

// VerifyStored proves the chain of a namespace as the store holds it, page by
// page, and answers where it stands. The error is a [*BrokenError], or the store's.
func VerifyStored(ctx context.Context, r entryReader, namespace string) (Chain, error) {
	c := NewChain(namespace)
	err := c.Follow(ctx, r)
	return c, err
}

// Follow takes the entries that the store holds after where the chain stands.
func (c *Chain) Follow(ctx context.Context, r entryReader) error {
	for {
		entries, err := r.AuditEntries(ctx, c.namespace, c.sequence, store.MaxPage)
		if err != nil {
			return fmt.Errorf("verify audit chain %q: %w", c.namespace, err)
		}
		if len(entries) == 0 {
			return nil
		}
		for i := range entries {
			if err := c.Next(&entries[i]); err != nil {
				return err
			}
		}
	}
}
