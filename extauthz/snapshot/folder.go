package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// What lies in the folder.
const (
	fileName    = "replica.snapshot"
	lockName    = "replica.snapshot.lock"
	freshPrefix = ".replica.snapshot-" // being written
	fileMode    = 0o600
)

// ErrInUse means that another process uses the folder.
var ErrInUse = errors.New("another process keeps its snapshot in this folder; give each process a data folder of its own")

// Options are what a Folder needs.
type Options struct {
	Path    string        // an existing folder that only we write
	Secret  [32]byte      // the deployment's snapshot key
	Ceiling time.Duration // of the replica
	Now     func() time.Time
	Machine func() Machine // ThisMachine
	Random  io.Reader
}

// Folder is where the snapshot of one replica lies.
type Folder struct {
	o    Options
	held *os.File
}

// Exists reports whether the folder has a snapshot, of whatever kind.
func Exists(folder string) bool {
	_, err := os.Lstat(filepath.Join(folder, fileName))
	return err == nil
}

// Open takes the folder for this process. The error is ErrInUse, or says why
// the folder is of no use.
func Open(o Options) (*Folder, error) {
	switch {
	case o.Path == "":
		return nil, errors.New("snapshot options: Path: missing")
	case o.Secret == [32]byte{}:
		return nil, errors.New("snapshot options: Secret: missing; give the deployment's snapshot key")
	case o.Ceiling <= 0:
		return nil, fmt.Errorf("snapshot options: Ceiling: %s is not positive", o.Ceiling)
	case o.Now == nil, o.Machine == nil, o.Random == nil:
		return nil, errors.New("snapshot options: Now, Machine, Random: give all of them")
	}
	held, err := lock(filepath.Join(o.Path, lockName))
	if err != nil {
		return nil, fmt.Errorf("snapshot in %s: %w", o.Path, err)
	}
	left, err := filepath.Glob(filepath.Join(o.Path, freshPrefix+"*"))
	for _, unfinished := range left {
		err = errors.Join(err, os.Remove(unfinished))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("snapshot in %s: %w", o.Path, err), held.Close())
	}
	return &Folder{o: o, held: held}, nil
}

// Close gives the folder up.
func (f *Folder) Close() error { return f.held.Close() }

func (f *Folder) path() string { return filepath.Join(f.o.Path, fileName) }

// remove takes the snapshot away for good.
func (f *Folder) remove() error {
	err := os.Remove(f.path())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(err, f.sync())
}

// sync makes names durable: syncing a file does not sync the folder that lists
// it (fsync(2)).
func (f *Folder) sync() error {
	folder, err := os.Open(f.o.Path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
