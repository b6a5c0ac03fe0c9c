package store

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"
)

// CheckpointKind says what a checkpoint is for.
type CheckpointKind string

// The kinds.
const (
	// CheckpointHead: the chain ended there at that instant.
	CheckpointHead CheckpointKind = "head"
	// CheckpointRetention: retention may remove the chain's entries up to
	// there, so it may begin after it.
	CheckpointRetention CheckpointKind = "retention"
)

// AuditCheckpoint is a signed word on where a chain stood.
type AuditCheckpoint struct {
	Number    int64 // of all checkpoints, in the order they were made; not signed
	Namespace string
	Sequence  int64
	Kind      CheckpointKind
	Hash      [32]byte // of the entry with that sequence
	At        time.Time
	Signature []byte // of Message
}

// Message is what is signed: all but the number and the signature, each with
// its length before it.
func (c *AuditCheckpoint) Message() []byte {
	var out []byte
	for _, field := range [][]byte{
		[]byte("credence audit checkpoint 1"), []byte(c.Kind), []byte(c.Namespace), []byte(strconv.FormatInt(c.Sequence, 10)),
		c.Hash[:], []byte(c.At.UTC().Format(time.RFC3339Nano)),
	} {
		out = binary.BigEndian.AppendUint64(out, uint64(len(field)))
		out = append(out, field...)
	}
	return out
}

// CheckpointReader reads checkpoints.
type CheckpointReader interface {
	// AuditCheckpoints MUST answer pages of the checkpoints of the chains (an
	// empty list means all), in order of number.
	AuditCheckpoints(ctx context.Context, chains []string, page Page) ([]AuditCheckpoint, Cursor, error)
	// ChainCheckpoints MUST answer the checkpoints of a chain whose number is
	// above after, in order of number, at most limit.
	ChainCheckpoints(ctx context.Context, namespace string, after int64, limit int) ([]AuditCheckpoint, error)
	// NewestCheckpoint MUST answer the chain's checkpoint of that kind with
	// the highest sequence, ErrNotFound when there is none.
	NewestCheckpoint(ctx context.Context, namespace string, kind CheckpointKind) (AuditCheckpoint, error)
	// CheckpointBefore MUST answer the newest checkpoint of kind head among
	// those numbered up to through (0: all) whose entries, it and all before,
	// were written before the instant; ErrNotFound when there is none.
	CheckpointBefore(ctx context.Context, namespace string, before time.Time, through int64) (AuditCheckpoint, error)
	// UncheckedHeads MUST answer pages of the ends of chains at which there is
	// no checkpoint of kind head, ordered by namespace.
	UncheckedHeads(ctx context.Context, page Page) ([]AuditHead, Cursor, error)
}

// CheckpointWriter writes checkpoints, and removes what one of them allows to
// remove; only [Store] calls it.
type CheckpointWriter interface {
	// InsertCheckpoint MUST write the checkpoint under the next number, and
	// answer ErrConflict when there is one of that kind at that place.
	InsertCheckpoint(ctx context.Context, c AuditCheckpoint) error
	// RemoveAudit MUST remove the oldest entries of a chain, at most
	// [RemoveBatch] and none beyond the newest checkpoint of kind retention,
	// and answer how many.
	RemoveAudit(ctx context.Context, namespace string) (int, error)
}

// AuditAnchor is a place outside that is told of checkpoints, and how far it
// has come.
type AuditAnchor struct {
	Name     string    // "file:PATH", or a URL
	Through  int64     // number of the last checkpoint it holds; 0 for none
	HeldAt   time.Time // when it got that one
	TriedAt  time.Time // last attempt
	Failures int       // attempts that failed since one succeeded
	Problem  string    // of the last attempt; "" when it succeeded
}

// AnchorReader reads how far the anchors are.
type AnchorReader interface {
	// AuditAnchors MUST answer all anchors, ordered by name.
	AuditAnchors(ctx context.Context) ([]AuditAnchor, error)
}

// AnchorWriter notes how far the anchors are.
type AnchorWriter interface {
	// PutAnchor MUST make the anchor or put the new state in place of the one
	// of that name.
	PutAnchor(ctx context.Context, a AuditAnchor) error
}

// AddCheckpoint signs where a chain stood and writes it. It is no change that
// an entry would be about: an entry about each would never end.
func (s *Store) AddCheckpoint(ctx context.Context, c AuditCheckpoint) (AuditCheckpoint, error) {
	c.At = s.now().UTC().Truncate(time.Microsecond)
	var err error
	if c.Signature, err = s.sealer.Sign(c.Message()); err != nil {
		return c, err
	}
	return c, s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.InsertCheckpoint(ctx, c) })
}

// CheckSignature answers an error when none of the keyset's keys signed it.
func (s *Store) CheckSignature(c *AuditCheckpoint) error {
	return s.sealer.Verify(c.Signature, c.Message())
}

// RemoveAudit removes a batch of the oldest entries of a chain, as far as its
// checkpoint of kind retention allows. That checkpoint is what tells of it.
func (s *Store) RemoveAudit(ctx context.Context, namespace string) (removed int, err error) {
	err = s.Transact(ctx, func(ctx context.Context, w Writer) error {
		removed, err = w.RemoveAudit(ctx, namespace)
		return err
	})
	return removed, err
}

// PutAnchor notes how far an anchor is, outside of any change.
func (s *Store) PutAnchor(ctx context.Context, a AuditAnchor) error {
	return s.Transact(ctx, func(ctx context.Context, w Writer) error { return w.PutAnchor(ctx, a) })
}
