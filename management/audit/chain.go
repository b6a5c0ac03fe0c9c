package audit

import (
	"crypto/subtle"
	"fmt"
	"time"

	"credence/store"
)

// Problem says how an entry does not fit into its chain.
type Problem string

// The problems.
const (
	ProblemNamespace  Problem = "namespace"  // it belongs to another chain
	ProblemGap        Problem = "gap"        // its sequence does not follow
	ProblemPrevious   Problem = "previous"   // it does not continue the entry before it
	ProblemHash       Problem = "hash"       // its own fields were changed
	ProblemCheckpoint Problem = "checkpoint" // a checkpoint signed another entry there
	ProblemTruncated  Problem = "truncated"  // it is missing at the end
	ProblemSignature  Problem = "signature"  // a checkpoint was not signed by the deployment
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
// grow, but for the checkpoints that it is told to expect, so a chain of any
// length can be verified page by page. The zero Chain stands before the first
// entry of any namespace.
type Chain struct {
	namespace string
	bound     bool // to the namespace; by the first entry, if not before
	begun     bool
	sequence  int64
	hash      [32]byte
	cut       int64                   // retention has removed entries up to here, at most
	expected  []store.AuditCheckpoint // ahead, in order of sequence
}

// NewChain stands before the first entry of the namespace.
func NewChain(namespace string) Chain { return Chain{namespace: namespace, bound: true} }

// ChainFrom stands at a checkpoint that is believed.
func ChainFrom(c *store.AuditCheckpoint) Chain {
	return Chain{namespace: c.Namespace, bound: true, begun: true, sequence: c.Sequence, hash: c.Hash}
}

// Head is the sequence and hash of the last entry that fitted.
func (c *Chain) Head() (sequence int64, hash [32]byte) { return c.sequence, c.hash }

// Expect tells the chain of a checkpoint that is believed: its entry must be
// there, with its hash, by the time of [Chain.End]. One of kind retention also
// allows the chain to begin after it.
func (c *Chain) Expect(p *store.AuditCheckpoint) error {
	if p.Kind == store.CheckpointRetention && !c.begun {
		c.cut = max(c.cut, p.Sequence)
	}
	switch {
	case p.Sequence == c.sequence && c.sequence > 0:
		return c.meet(p)
	case p.Sequence < c.sequence:
		return nil // passed: the chain is held against the newer ones
	}
	at := len(c.expected)
	for at > 0 && c.expected[at-1].Sequence > p.Sequence {
		at--
	}
	c.expected = append(c.expected, store.AuditCheckpoint{})
	copy(c.expected[at+1:], c.expected[at:])
	c.expected[at] = *p
	return nil
}

// Next takes the next entry. After an error, which is a [*BrokenError], the chain
// still stands where it stood.
func (c *Chain) Next(e *store.AuditEntry) error { return c.next(e, e.ChainHash()) }

// next is Next for an entry whose fields give sum.
func (c *Chain) next(e *store.AuditEntry, sum [32]byte) error {
	if !c.bound {
		c.namespace, c.bound = e.Namespace, true
	}
	if e.Namespace != c.namespace {
		return c.broken(ProblemNamespace, "it is of chain %q", e.Namespace)
	}
	sequence, hash := c.sequence, c.hash
	if !c.begun && e.Sequence > 1 && e.Sequence <= c.cut+1 {
		// What was before it is gone by right. Its own place is proven by the
		// checkpoint of the cut: by the hash of that entry, or of one after it.
		sequence, hash = e.Sequence-1, e.Previous
	}
	switch {
	case e.Sequence != sequence+1:
		return c.broken(ProblemGap, "entry %d stands in its place", e.Sequence)
	case subtle.ConstantTimeCompare(e.Previous[:], hash[:]) != 1:
		return c.broken(ProblemPrevious, "it continues %x, but the entry before it is %x", e.Previous, hash)
	}
	if subtle.ConstantTimeCompare(e.Hash[:], sum[:]) != 1 {
		return c.brokenAt(e.Sequence, ProblemHash, "its hash is %x, but its fields give %x", e.Hash, sum)
	}
	if !c.begun {
		c.sequence, c.hash = sequence, hash
		if err := c.reached(); err != nil {
			c.sequence, c.hash = 0, [32]byte{}
			return err
		}
	}
	before, beforeHash := c.sequence, c.hash
	c.sequence, c.hash = e.Sequence, e.Hash
	if err := c.reached(); err != nil {
		c.sequence, c.hash = before, beforeHash
		return err
	}
	c.begun = true
	return nil
}

// reached holds the chain against the checkpoints at or before where it
// stands.
func (c *Chain) reached() error {
	for len(c.expected) > 0 && c.expected[0].Sequence <= c.sequence {
		p := c.expected[0]
		if p.Sequence == c.sequence {
			if err := c.meet(&p); err != nil {
				return err
			}
		}
		c.expected = c.expected[1:]
	}
	return nil
}

func (c *Chain) meet(p *store.AuditCheckpoint) error {
	if subtle.ConstantTimeCompare(p.Hash[:], c.hash[:]) != 1 {
		return c.brokenAt(p.Sequence, ProblemCheckpoint, "its hash is %x, but %s %x: it, or an entry before it, was written anew",
			c.hash, says(p), p.Hash)
	}
	return nil
}

// End says that no entry follows. A checkpoint ahead proves that there was
// one.
func (c *Chain) End() error {
	if !c.begun && c.cut > 0 { // retention removed all there was
		for i := range c.expected {
			if c.expected[i].Sequence == c.cut {
				c.sequence, c.hash = c.cut, c.expected[i].Hash
			}
		}
		if err := c.reached(); err != nil {
			return err
		}
	}
	if n := len(c.expected); n > 0 {
		p := &c.expected[n-1]
		return c.broken(ProblemTruncated, "it is missing: the chain ends at %d, but %s entry %d", c.sequence, says(p), p.Sequence)
	}
	return nil
}

// says is where a checkpoint has its word from. One without a kind is what the
// store notes of the end of a chain, which nobody signed.
func says(p *store.AuditCheckpoint) string {
	if p.Kind == "" {
		return "the store notes as its end"
	}
	return "the checkpoint of " + p.At.UTC().Format(time.RFC3339) + " signed"
}

// broken says what is wrong with the entry that comes next.
func (c *Chain) broken(p Problem, format string, args ...any) error {
	return c.brokenAt(c.sequence+1, p, format, args...)
}

func (c *Chain) brokenAt(sequence int64, p Problem, format string, args ...any) error {
	return &BrokenError{Namespace: c.namespace, Sequence: sequence, Problem: p, Detail: fmt.Sprintf(format, args...)}
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
