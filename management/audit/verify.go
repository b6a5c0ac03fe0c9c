package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"credence/store"
)

// ErrNotExport means that what was to be verified is no whole export.
var ErrNotExport = errors.New("not an export of the audit log")

// VerifyOptions say what an export is held against besides itself.
type VerifyOptions struct {
	// Keys are what checkpoints must be signed by; nil believes those of the
	// export without a look at their signatures.
	Keys PublicKeys
	// Outside are checkpoints that were kept elsewhere.
	Outside []store.AuditCheckpoint
	// Chains are those that the export is to hold; nil means all that Outside
	// knows.
	Chains []string
	// Progress, if set, is told now and then how many entries were verified.
	Progress func(entries int64)
}

// VerifyReport is what was proven.
type VerifyReport struct {
	Chains      int64
	Entries     int64
	Checkpoints int64 // of the export and from outside, that fitted
	Cut         int64 // chains that begin after a retention checkpoint
}

// VerifyExport proves an export, in one pass and in memory that does not grow
// with it. The error is the first [*BrokenError], [ErrNotExport] with the line,
// or the reader's.
func VerifyExport(ctx context.Context, r io.Reader, o VerifyOptions) (VerifyReport, error) {
	v := &verifier{o: o, outside: map[string][]store.AuditCheckpoint{}}
	for _, c := range o.Outside {
		if o.Keys != nil && o.Keys.Check(&c) != nil {
			return VerifyReport{}, forged(&c)
		}
		v.outside[c.Namespace] = append(v.outside[c.Namespace], c)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pending := make(chan *batch, 2*runtime.GOMAXPROCS(0))
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel() // before the parts are waited for
	var readErr error
	parts.Go(func() {
		defer close(pending)
		readErr = readBatches(ctx, r, &parts, pending)
	})
	for b := range pending {
		<-b.done
		if err := v.take(b); err != nil {
			return v.report, err
		}
	}
	if err := errors.Join(readErr, ctx.Err()); err != nil { // pending was closed after it was set
		return v.report, err
	}
	return v.report, v.finish()
}

func forged(c *store.AuditCheckpoint) error {
	return &BrokenError{
		Namespace: c.Namespace, Sequence: c.Sequence, Problem: ProblemSignature,
		Detail: "its " + string(c.Kind) + " checkpoint was signed by none of the public keys: it is forged, or the keyset has a newer key: compare `credence audit public-key` with yours",
	}
}

const (
	batchSize = 128 << 10
	maxLine   = 4 << 20 // the largest details, sealed and opened, and then some
)

// batch is some whole lines, which are parsed beside those of others.
type batch struct {
	text  []byte
	lines []parsed
	done  chan struct{}
}

// parsed is a line, and what its entry's fields hash to.
type parsed struct {
	line

	entry      store.AuditEntry
	sum        [32]byte
	checkpoint store.AuditCheckpoint
	err        error
}

// readBatches cuts the export into batches, in order, and has as many parsed
// at once as fit into pending.
func readBatches(ctx context.Context, r io.Reader, parts *sync.WaitGroup, pending chan<- *batch) error {
	var rest []byte
	for ended := false; !ended; {
		text := make([]byte, len(rest), len(rest)+batchSize)
		copy(text, rest)
		n, err := io.ReadFull(r, text[len(rest):cap(text)])
		text = text[:len(rest)+n]
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			ended = true
		case err != nil:
			return fmt.Errorf("read export: %w", err)
		}
		end := bytes.LastIndexByte(text, '\n') + 1
		if rest = text[end:]; len(rest) > maxLine || ended && len(rest) > 0 {
			return fmt.Errorf("%w: it ends in the middle of a line, or a line is too long; fetch it again", ErrNotExport)
		}
		if end == 0 {
			continue
		}
		b := &batch{text: text[:end], done: make(chan struct{})}
		select {
		case pending <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		parts.Go(func() {
			defer close(b.done)
			b.parse()
		})
	}
	return nil
}

// parse reads the lines and computes the hashes: nearly all the work there is.
func (b *batch) parse() {
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	for text := range bytes.Lines(b.text) {
		var p parsed
		if l, ok := fastEntry(text); ok {
			p.Entry = l
			if p.entry, p.err = l.entry(); p.err == nil {
				p.sum = p.entry.ChainHash()
			}
			b.lines = append(b.lines, p)
			continue
		}
		if p.err = json.Unmarshal(text, &p.line); p.err != nil {
			p.err = errors.New("is not JSON of an export")
		}
		// Another writing of the same line (a field twice, or in capitals) could
		// show a reader something else than what is verified.
		again.Reset()
		if p.err == nil && (encoder.Encode(p.line) != nil || !bytes.Equal(again.Bytes(), text)) {
			p.err = errors.New("is not written as an export writes it")
		}
		switch {
		case p.err != nil:
		case p.Entry != nil:
			if p.entry, p.err = p.Entry.entry(); p.err == nil {
				p.sum = p.entry.ChainHash()
			}
		case p.Checkpoint != nil:
			p.checkpoint, p.err = p.Checkpoint.checkpoint()
		}
		b.lines = append(b.lines, p)
	}
	b.text = nil
}

// verifier follows the lines in their order.
type verifier struct {
	o       VerifyOptions
	outside map[string][]store.AuditCheckpoint

	number int64 // of the line
	begun  bool
	ended  bool
	chain  *Chain // the one that is followed; nil before the first
	report VerifyReport
}

func (v *verifier) take(b *batch) error {
	for i := range b.lines {
		v.number++
		p := &b.lines[i]
		if p.err != nil {
			return v.malformed(p.err.Error())
		}
		if err := v.line(p); err != nil {
			return err
		}
	}
	if v.o.Progress != nil {
		v.o.Progress(v.report.Entries)
	}
	return nil
}

func (v *verifier) malformed(what string) error {
	return fmt.Errorf("%w: line %d %s", ErrNotExport, v.number, what)
}

func (v *verifier) line(p *parsed) error {
	switch {
	case v.ended:
		return v.malformed("follows the end")
	case !v.begun:
		if p.Export == nil {
			return v.malformed("does not begin one")
		}
		if p.Export.Version != exportVersion {
			return v.malformed(fmt.Sprintf("is of version %d, and this program reads %d", p.Export.Version, exportVersion))
		}
		v.begun = true
		return nil
	case p.Chain != nil:
		return v.begin(p.Chain)
	case p.End != nil:
		return v.end(p.End)
	case v.chain == nil:
		return v.malformed("belongs to no chain")
	case p.Entry != nil:
		return v.entry(p)
	case p.Checkpoint != nil:
		return v.checkpoint(&p.checkpoint)
	}
	return v.malformed("says nothing")
}

// begin ends the chain before and begins the next, which knows what is to
// come.
func (v *verifier) begin(l *chainLine) error {
	if v.chain != nil {
		if l.Namespace <= v.chain.namespace {
			return v.malformed("begins a chain out of order")
		}
		if err := v.chain.End(); err != nil {
			return err
		}
	}
	head := store.AuditCheckpoint{Namespace: l.Namespace, Sequence: l.Sequence}
	if err := unhex("entry_hash", l.Hash, &head.Hash); err != nil {
		return v.malformed(err.Error())
	}
	c := NewChain(l.Namespace)
	v.chain = &c
	v.report.Chains++
	if err := v.chain.Expect(&head); err != nil {
		return err
	}
	for i := range v.outside[l.Namespace] {
		v.report.Checkpoints++
		if err := v.chain.Expect(&v.outside[l.Namespace][i]); err != nil {
			return err
		}
	}
	delete(v.outside, l.Namespace)
	return nil
}

func (v *verifier) entry(p *parsed) error {
	first := !v.chain.begun
	if err := v.chain.next(&p.entry, p.sum); err != nil {
		return err
	}
	if first && p.entry.Sequence > 1 {
		v.report.Cut++
	}
	v.report.Entries++
	return nil
}

func (v *verifier) checkpoint(c *store.AuditCheckpoint) error {
	if c.Namespace != v.chain.namespace {
		return v.malformed("is a checkpoint of another chain")
	}
	if v.chain.begun {
		return v.malformed("is a checkpoint behind entries")
	}
	if v.o.Keys != nil && v.o.Keys.Check(c) != nil {
		return forged(c)
	}
	v.report.Checkpoints++
	return v.chain.Expect(c)
}

func (v *verifier) end(l *endLine) error {
	v.ended = true
	if v.chain != nil {
		if err := v.chain.End(); err != nil {
			return err
		}
	}
	if l.Chains != v.report.Chains || l.Entries != v.report.Entries {
		return v.malformed("counts other chains or entries than there are")
	}
	return nil
}

// finish says what is missing at the end of all.
func (v *verifier) finish() error {
	if !v.ended {
		return fmt.Errorf("%w: it has no end, so it was cut short; fetch it again", ErrNotExport)
	}
	for _, namespace := range slices.Sorted(maps.Keys(v.outside)) {
		missing := v.outside[namespace]
		if v.o.Chains != nil && !slices.Contains(v.o.Chains, namespace) {
			continue
		}
		c := NewChain(namespace)
		for i := range missing {
			if err := c.Expect(&missing[i]); err != nil {
				return err
			}
		}
		c.cut = 0 // a chain of which nothing is left still has its line
		if err := c.End(); err != nil {
			return err
		}
	}
	return nil
}

// ReadCheckpoints reads the lines that an anchor holds.
func ReadCheckpoints(r io.Reader) ([]store.AuditCheckpoint, error) {
	var all []store.AuditCheckpoint
	d := json.NewDecoder(r)
	for number := 1; ; number++ {
		var l line
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil || l.Checkpoint == nil {
			return nil, fmt.Errorf("checkpoint %d is not as an anchor holds it; take the file as it was written", number)
		}
		c, err := l.Checkpoint.checkpoint()
		if err != nil {
			return nil, fmt.Errorf("checkpoint %d: %w", number, err)
		}
		if len(all) == maxOutside {
			return nil, fmt.Errorf("there are more than %d checkpoints; the newest of each chain are enough", maxOutside)
		}
		all = append(all, c)
	}
}

// maxOutside bounds the checkpoints that are held in memory.
const maxOutside = 1_000_000
