package snapshot

import (
	"crypto/cipher"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// file is a snapshot that this process has written.
type file struct {
	f       *os.File
	aead    cipher.AEAD
	number  uint64 // of the next piece of the body
	slots   uint64 // written
	end     int64
	journal int64 // its size in bytes
	slot    slot
	dirty   bool // the journal has grown since it was last durable
}

// create begins a file under a name that nobody knows before.
func (f *Folder) create() (*file, error) {
	fresh, err := os.CreateTemp(f.o.Path, freshPrefix+"*") // mode 0600
	if err != nil {
		return nil, err
	}
	to := &file{f: fresh, end: int64(bodyAt)}
	if err := f.begin(to); err != nil {
		return nil, to.giveUp(err)
	}
	return to, nil
}

// begin writes the header, and room for the slot.
func (f *Folder) begin(to *file) error {
	mark, err := markOf(f.o.Secret)
	if err != nil {
		return err
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(f.o.Random, salt); err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	if to.aead, err = cipherOf(f.o.Secret, salt); err != nil {
		return err
	}
	header := append([]byte(magic), mark...)
	header = append(append(header, layout()...), salt...)
	_, err = to.f.WriteAt(append(header, make([]byte, slotSize)...), 0)
	return err
}

// giveUp closes and removes a file that never got its name.
func (w *file) giveUp(err error) error {
	_, _ = w.f.Close(), os.Remove(w.f.Name()) // err says more; the next start removes it
	return err
}

// body writes the next piece.
func (w *file) body(content *piece) error {
	sealed, err := sealPiece(w.aead, kindBody, w.number, content)
	if err != nil {
		return err
	}
	w.number++
	return w.write(sealed)
}

func (w *file) write(sealed []byte) error {
	if _, err := w.f.WriteAt(sealed, w.end); err != nil {
		return err
	}
	w.end += int64(len(sealed))
	return nil
}

// add writes changes into the journal and counts them in the slot.
func (w *file) add(r *record) error {
	sealed, err := sealPiece(w.aead, kindJournal, w.slot.records, r)
	if err != nil {
		return err
	}
	if err := w.write(sealed); err != nil {
		return err
	}
	w.slot.records++
	w.journal += int64(len(sealed))
	w.dirty = true
	return w.stamp()
}

// read notes when the feed was read last.
func (w *file) read(at time.Time, m Machine) error {
	w.slot.readAt, w.slot.uptime, w.slot.boot = at.UnixNano(), m.Uptime, m.Boot
	return w.stamp()
}

func (w *file) stamp() error {
	w.slots++
	_, err := w.f.WriteAt(sealSlot(w.aead, w.slots, w.slot), int64(slotAt))
	return err
}

// durable has the journal survive a power cut.
func (w *file) durable() error {
	if !w.dirty {
		return nil
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	w.dirty = false
	return nil
}

// publish gives the file its name, in the place of the one before.
func (f *Folder) publish(w *file) error {
	if err := w.f.Sync(); err != nil {
		return err
	}
	w.dirty = false
	if err := os.Rename(w.f.Name(), filepath.Join(f.o.Path, fileName)); err != nil {
		return err
	}
	return f.sync()
}
