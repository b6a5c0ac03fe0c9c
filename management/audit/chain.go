package audit

import (
	"crypto/subtle"
	"fmt"

	"credence/store"
)

// Problem says how an entry does not fit into its chain.
type Problem string

// The problems.
const (
	ProblemNamespace Problem = "namespace" // it belongs to another chain
	ProblemGap       Problem = "gap"       // its sequence does not follow
	ProblemPrevious  Problem = "previous"  // it does not continue the entry before it
	ProblemHash      Problem = "hash"      // its own fields were changed
)

// BrokenError is the first entry that does not fit.
type BrokenError struct {
	Namespace string // of the chain
	Sequence  int64  // that was expected here
	Problem   Problem
	Detail    string
}

// Error names the entry and what is wrong with it.
func (b *BrokenError) Error() string {
	return fmt.Sprintf("audit chain %q: entry %d: %s: %s", b.Namespace, b.Sequence, b.Problem, b.Detail)
}

// Chain follows the entries of one namespace in order. Its memory does not
// grow, so a chain of any length can be verified page by page. The zero Chain
// stands before the first entry of any namespace.
type Chain struct {
	namespace string
	bound     bool // to the namespace; by the first entry, if not before
	sequence  int64
	hash      [32]byte
}

// Head is the sequence and hash of the last entry that fitted.
func (c *Chain) Head() (sequence int64, hash [32]byte) { return c.sequence, c.hash }

// Next takes the next entry. After an error, which is a [*BrokenError], the chain
// still stands where it stood.
func (c *Chain) Next(e *store.AuditEntry) error {
	namespace := c.namespace
	if !c.bound {
		namespace = e.Namespace
	}
	broken := func(p Problem, format string, args ...any) error {
		return &BrokenError{Namespace: namespace, Sequence: c.sequence + 1, Problem: p, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case e.Namespace != namespace:
		return broken(ProblemNamespace, "it is of chain %q", e.Namespace)
	case e.Sequence != c.sequence+1:
		return broken(ProblemGap, "entry %d stands in its place", e.Sequence)
	case subtle.ConstantTimeCompare(e.Previous[:], c.hash[:]) != 1:
		return broken(ProblemPrevious, "it continues %x, but the entry before it is %x", e.Previous, c.hash)
	}
	if sum := e.ChainHash(); subtle.ConstantTimeCompare(e.Hash[:], sum[:]) != 1 {
		return broken(ProblemHash, "its hash is %x, but its fields give %x", e.Hash, sum)
	}
	c.namespace, c.bound, c.sequence, c.hash = namespace, true, e.Sequence, e.Hash
	return nil
}

// Verify proves that the entries are a chain from its first entry on. The
// error is a [*BrokenError]; nil also for no entries.
func Verify(entries []store.AuditEntry) error {
	var c Chain
	for i := range entries {
		if err := c.Next(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}
