package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"
)

// AuditEntry is what a person or job did to an object, as stored: details
// sealed, chained to the entry before it in the same namespace.
type AuditEntry struct {
	Namespace string // chain it belongs to; "" for what has no namespace
	Sequence  int64  // 1, 2, 3, ... within the namespace
	At        time.Time
	Actor     string // "token:tok_...", "job:blacklist_expire", "system"
	Action    string // "key.create", "blacklist.add", ...
	Object    string // "key:key_...", "plan:basic", ...
	KeyID     string // where the entry is about a key
	IPAddress netip.Addr
	RequestID string
	Details   []byte // sealed JSON; empty when there is none
	Previous  [32]byte
	Hash      [32]byte
}

// AuditAssociatedData is what the sealed details of an entry are bound to, so
// that a ciphertext cannot be moved to another entry, chain or table.
func AuditAssociatedData(namespace string, sequence int64) []byte {
	return []byte("api_key_audit_log\x00" + namespace + "\x00" + strconv.FormatInt(sequence, 10))
}

// ChainHash is the hash of the entry over all its fields but Hash itself,
// each with its length before it. It needs no key to recompute.
func (e *AuditEntry) ChainHash() [32]byte {
	h := sha256.New()
	var n [8]byte
	field := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	field([]byte("credence audit 1"))
	field(e.Previous[:])
	field([]byte(e.Namespace))
	field([]byte(strconv.FormatInt(e.Sequence, 10)))
	field([]byte(e.At.UTC().Format(time.RFC3339Nano)))
	field([]byte(e.Actor))
	field([]byte(e.Action))
	field([]byte(e.Object))
	field([]byte(e.KeyID))
	field([]byte(auditAddress(e.IPAddress)))
	field([]byte(e.RequestID))
	field(e.Details)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

func auditAddress(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// AuditHead is where a chain ends.
type AuditHead struct {
	Namespace string
	Sequence  int64
	Hash      [32]byte
}

// AuditFilter narrows the audit log; what is zero does not.
type AuditFilter struct {
	Chains []string // namespaces, with "" for the chain of what has none
	KeyID  string
	Actor  string
	Action string
	Object string
	Since  time.Time // at or after
	Until  time.Time // before
}

// AuditCount is how many entries there are of an action.
type AuditCount struct {
	Action  string
	Entries int64
}

// AuditReader reads audit entries.
type AuditReader interface {
	// AuditEntries MUST answer entries of one namespace after the sequence,
	// in order of sequence, at most limit.
	AuditEntries(ctx context.Context, namespace string, after int64, limit int) ([]AuditEntry, error)
	// AuditEntry MUST answer the entry of that place, ErrNotFound when there
	// is none.
	AuditEntry(ctx context.Context, namespace string, sequence int64) (AuditEntry, error)
	// AuditLog MUST answer pages of the entries that fit all of the filter,
	// newest first, each once also when others are written meanwhile. A cursor
	// that is not one of its own is the start.
	AuditLog(ctx context.Context, of AuditFilter, page Page) ([]AuditEntry, Cursor, error)
	// AuditCounts MUST answer how many entries fit all of the filter, by action,
	// the most first and then by action, at most limit actions.
	AuditCounts(ctx context.Context, of AuditFilter, limit int) ([]AuditCount, error)
	// AuditHeads MUST answer pages of where the chains end, ordered by
	// namespace.
	AuditHeads(ctx context.Context, page Page) ([]AuditHead, Cursor, error)
}

// AuditWriter extends the chains inside a transaction; only [Store.InTx]
// calls it.
type AuditWriter interface {
	// AuditHead MUST lock the namespace's chain until the transaction ends
	// and answer its last sequence and hash; zeros for a new chain.
	AuditHead(ctx context.Context, namespace string) (sequence int64, hash [32]byte, err error)
	// AppendAudit MUST write the entries, which stand in the order of their
	// chains, and answer ErrConflict when the sequence of one exists.
	AppendAudit(ctx context.Context, entries ...AuditEntry) error
}
