package audit

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"credence/store"
)

// exportVersion is the version of the form of exports.
const exportVersion = 1

// line is one line of an export: exactly one of its members is set.
type line struct {
	Export     *exportLine     `json:"export,omitempty"`
	Chain      *chainLine      `json:"chain,omitempty"`
	Entry      *entryLine      `json:"entry,omitempty"`
	Checkpoint *checkpointLine `json:"checkpoint,omitempty"`
	End        *endLine        `json:"end,omitempty"`
}

// exportLine is the first line.
type exportLine struct {
	Version int  `json:"version"`
	Limited bool `json:"limited,omitempty"` // some chains only
}

// chainLine begins a chain and says where the store says that it ends.
type chainLine struct {
	Namespace string `json:"namespace"`
	Sequence  int64  `json:"sequence"`
	Hash      string `json:"entry_hash"`
}

type entryLine struct {
	Namespace string          `json:"namespace"`
	Sequence  int64           `json:"sequence"`
	At        string          `json:"at"`
	Actor     string          `json:"actor"`
	Action    string          `json:"action"`
	Object    string          `json:"object"`
	KeyID     string          `json:"key_id,omitempty"`
	IPAddress string          `json:"ip_address,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Sealed    []byte          `json:"sealed,omitempty"`
	Previous  string          `json:"previous_hash"`
	Hash      string          `json:"entry_hash"`
	Details   json.RawMessage `json:"details,omitempty"` // opened, for the reader; proven by nothing
}

type checkpointLine struct {
	Namespace string `json:"namespace"`
	Sequence  int64  `json:"sequence"`
	Kind      string `json:"kind"`
	Hash      string `json:"entry_hash"`
	At        string `json:"at"`
	Signature []byte `json:"signature"`
}

// endLine is the last line: an export without it was cut short.
type endLine struct {
	Chains  int64 `json:"chains"`
	Entries int64 `json:"entries"`
}

func lineOf(e *store.AuditEntry) entryLine {
	l := entryLine{
		Namespace: e.Namespace, Sequence: e.Sequence, At: e.At.UTC().Format(time.RFC3339Nano), Actor: e.Actor, Action: e.Action,
		Object: e.Object, KeyID: e.KeyID, RequestID: e.RequestID, Sealed: e.Details,
		Previous: hex.EncodeToString(e.Previous[:]), Hash: hex.EncodeToString(e.Hash[:]),
	}
	if e.IPAddress.IsValid() {
		l.IPAddress = e.IPAddress.String()
	}
	return l
}

func (l *entryLine) entry() (e store.AuditEntry, err error) {
	e = store.AuditEntry{
		Namespace: l.Namespace, Sequence: l.Sequence, Actor: l.Actor, Action: l.Action, Object: l.Object,
		KeyID: l.KeyID, RequestID: l.RequestID, Details: l.Sealed,
	}
	if e.At, err = time.Parse(time.RFC3339Nano, l.At); err != nil {
		return e, errors.New("at: is no instant")
	}
	if l.IPAddress != "" {
		if e.IPAddress, err = netip.ParseAddr(l.IPAddress); err != nil {
			return e, errors.New("ip_address: is no address")
		}
	}
	return e, errors.Join(unhex("previous_hash", l.Previous, &e.Previous), unhex("entry_hash", l.Hash, &e.Hash))
}

func unhex(field, text string, into *[32]byte) error {
	if len(text) == hex.EncodedLen(len(into)) {
		if _, err := hex.Decode(into[:], []byte(text)); err == nil {
			return nil
		}
	}
	return errors.New(field + ": is not the hexadecimal form of 32 bytes")
}

// CheckpointLine is a checkpoint as a line of JSON: in an export, at an
// anchor, and in a file that an auditor keeps.
func CheckpointLine(c *store.AuditCheckpoint) []byte {
	raw, err := json.Marshal(line{Checkpoint: lineOfCheckpoint(c)})
	if err != nil { // texts, numbers and bytes always marshal
		return nil
	}
	return append(raw, '\n')
}

func lineOfCheckpoint(c *store.AuditCheckpoint) *checkpointLine {
	return &checkpointLine{
		Namespace: c.Namespace, Sequence: c.Sequence, Kind: string(c.Kind), Hash: hex.EncodeToString(c.Hash[:]),
		At: c.At.UTC().Format(time.RFC3339Nano), Signature: c.Signature,
	}
}

func (l *checkpointLine) checkpoint() (c store.AuditCheckpoint, err error) {
	c = store.AuditCheckpoint{Namespace: l.Namespace, Sequence: l.Sequence, Kind: store.CheckpointKind(l.Kind), Signature: l.Signature}
	if c.At, err = time.Parse(time.RFC3339Nano, l.At); err != nil {
		return c, errors.New("at: is no instant")
	}
	if c.Sequence < 1 {
		return c, errors.New("sequence: is not above zero")
	}
	return c, unhex("entry_hash", l.Hash, &c.Hash)
}

// exportReader is what an export is read from. [store.Store] fulfils it.
type exportReader interface {
	entryReader
	AuditHeads(ctx context.Context, page store.Page) ([]store.AuditHead, store.Cursor, error)
	ChainCheckpoints(ctx context.Context, namespace string, after int64, limit int) ([]store.AuditCheckpoint, error)
}

// ExportOptions say what of the log is exported.
type ExportOptions struct {
	Chains []string // these only; nil means all
	// Open opens details, to be written beside the sealed ones; nil leaves
	// them sealed.
	Open func(e *store.AuditEntry) (json.RawMessage, error)
}

// WriteExport writes the chains, in order of namespace, each with its
// checkpoints and its entries as they are stored. The same log gives the same
// bytes. The end of a chain and its checkpoints are read before its entries, so
// that of a whole chain all that they speak of is there.
func WriteExport(ctx context.Context, w io.Writer, r exportReader, o ExportOptions) error {
	x := &exporter{r: r, o: o, out: bufio.NewWriterSize(w, 64<<10), wanted: map[string]bool{}}
	x.lines = json.NewEncoder(x.out)
	x.lines.SetEscapeHTML(false)
	for _, namespace := range o.Chains {
		x.wanted[namespace] = true
	}
	head := exportLine{Version: exportVersion, Limited: o.Chains != nil}
	if err := x.lines.Encode(line{Export: &head}); err != nil {
		return err
	}
	page := store.Page{Limit: store.MaxPage}
	for {
		heads, next, err := r.AuditHeads(ctx, page)
		if err != nil {
			return fmt.Errorf("export audit log: %w", err)
		}
		for i := range heads {
			if o.Chains != nil && !x.wanted[heads[i].Namespace] {
				continue
			}
			if err := x.chain(ctx, &heads[i]); err != nil {
				return fmt.Errorf("export audit chain %q: %w", heads[i].Namespace, err)
			}
		}
		if page.After = next; next == "" {
			break
		}
	}
	if err := x.lines.Encode(line{End: &x.end}); err != nil {
		return err
	}
	return x.out.Flush()
}

type exporter struct {
	r      exportReader
	o      ExportOptions
	out    *bufio.Writer
	lines  *json.Encoder
	wanted map[string]bool
	end    endLine
}

// chain writes one chain: where it ends, its checkpoints, its entries.
func (x *exporter) chain(ctx context.Context, head *store.AuditHead) error {
	x.end.Chains++
	begin := chainLine{Namespace: head.Namespace, Sequence: head.Sequence, Hash: hex.EncodeToString(head.Hash[:])}
	if err := x.lines.Encode(line{Chain: &begin}); err != nil {
		return err
	}
	for after := int64(0); ; {
		found, err := x.r.ChainCheckpoints(ctx, head.Namespace, after, store.MaxPage)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			break
		}
		for i := range found {
			after = found[i].Number
			if err := x.lines.Encode(line{Checkpoint: lineOfCheckpoint(&found[i])}); err != nil {
				return err
			}
		}
	}
	return x.entries(ctx, head.Namespace)
}

// entries writes the entries up to the first part of the chain that is not
// full: so it ends, however fast others write.
func (x *exporter) entries(ctx context.Context, namespace string) error {
	for after, full := int64(0), true; full; {
		found, err := x.r.AuditEntries(ctx, namespace, after, store.MaxPage)
		if err != nil {
			return err
		}
		full = len(found) == store.MaxPage
		for i := range found {
			after = found[i].Sequence
			l := lineOf(&found[i])
			if x.o.Open != nil {
				if l.Details, err = x.o.Open(&found[i]); err != nil {
					l.Details = nil // they stay sealed
				}
			}
			if err := x.lines.Encode(line{Entry: &l}); err != nil {
				return err
			}
			x.end.Entries++
		}
	}
	return nil
}
