package snapshot

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"io"
)

// errCut is a piece that does not end where it should.
var errCut = errors.New("it ends in the middle of a piece")

// errSeal is a piece that was not sealed by us for this place.
var errSeal = errors.New("a piece of it was changed, moved, or left out")

// reader reads a file from its beginning.
type reader struct {
	from   *bufio.Reader
	aead   cipher.AEAD
	slot   slot
	number uint64 // of the next piece of the body
}

// open reads the header and the slot. The error is a RefusedError without its
// path, or that of the source.
func open(from io.Reader, secret [32]byte) (*reader, error) {
	r := &reader{from: bufio.NewReaderSize(from, 1<<16)}
	head := make([]byte, bodyAt)
	if _, err := io.ReadFull(r.from, head); err != nil {
		return nil, &RefusedError{Reason: ReasonDamaged, Detail: "it is shorter than any snapshot", Cause: shortOnly(err)}
	}
	mark, err := markOf(secret)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.HasPrefix(head, []byte(magic)):
		return nil, &RefusedError{Reason: ReasonVersion, Detail: "it does not begin as a snapshot of this version does"}
	case subtle.ConstantTimeCompare(head[len(magic):layoutAt], mark) != 1:
		return nil, &RefusedError{Reason: ReasonForeign, Detail: "it was sealed with other secrets than those of this deployment"}
	case !bytes.Equal(head[layoutAt:saltAt], layout()):
		return nil, &RefusedError{Reason: ReasonVersion, Detail: "another version of the program wrote it, which may know of more"}
	}
	if r.aead, err = cipherOf(secret, head[saltAt:slotAt]); err != nil {
		return nil, err
	}
	number := binary.BigEndian.Uint64(head[slotAt:])
	plain, err := r.aead.Open(nil, nonceOf(kindSlot, number), head[slotAt+8:], nil)
	if err != nil {
		return nil, &RefusedError{Reason: ReasonDamaged, Detail: "what says how old it is was changed", Cause: errSeal}
	}
	r.slot = slotOf(plain)
	return r, nil
}

// shortOnly is nil for an end of the file that the text names already.
func shortOnly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// next reads one piece; io.EOF where the file ends between two.
func (r *reader) next(k kind, number uint64, into any) error {
	var length [lengthSize]byte
	if _, err := io.ReadFull(r.from, length[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errCut
		}
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < tagSize || n > maxPiece {
		return errSeal
	}
	// Grown as the bytes come: a length alone takes no memory.
	var sealed bytes.Buffer
	if _, err := io.CopyN(&sealed, r.from, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			return errCut
		}
		return err
	}
	return r.unseal(k, number, sealed.Bytes(), into)
}

func (r *reader) unseal(k kind, number uint64, sealed []byte, into any) error {
	plain, err := r.aead.Open(sealed[:0], nonceOf(k, number), sealed, nil)
	if err != nil {
		return errSeal
	}
	return gob.NewDecoder(bytes.NewReader(plain)).Decode(into)
}

// body hands the pieces of the body to each, in order, up to its end.
func (r *reader) body(each func(*piece) error) error {
	var seen end
	for {
		var p piece
		if err := r.next(kindBody, r.number, &p); err != nil {
			if errors.Is(err, io.EOF) {
				return errCut
			}
			return err
		}
		r.number++
		if p.End != nil {
			if *p.End != seen {
				return errSeal
			}
			return nil
		}
		seen.Keys += len(p.Keys)
		seen.Rules += len(p.Rules)
		seen.Policies += len(p.Policies)
		if err := each(&p); err != nil {
			return err
		}
	}
}

// journal hands the changes since the body to each, in order. There are at
// least as many as the slot says: one more where the process ended in between.
func (r *reader) journal(each func(*record) error) error {
	for number := uint64(0); ; number++ {
		var changes record
		err := r.next(kindJournal, number, &changes)
		switch {
		case errors.Is(err, io.EOF) && number < r.slot.records:
			return errCut
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := each(&changes); err != nil {
			return err
		}
	}
}
