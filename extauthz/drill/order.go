package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Kind is what is rehearsed.
type Kind string

// The kinds. KindEnd ends the drill that runs.
const (
	KindStore Kind = "store-outage"
	KindRedis Kind = "redis-outage"
	KindEnd   Kind = "end"
)

// The files in the data folder, and the largest that is read.
const (
	orderFile = "drill.order"
	stateFile = "drill.state"
	maxFile   = 4 << 10
)

// order is what the command wants.
type order struct {
	ID   string        `json:"id"`
	Kind Kind          `json:"kind"`
	For  time.Duration `json:"for_ns"`
}

// The phases of a drill.
const (
	phaseRunning = "running"
	phaseRefused = "refused"
	phaseEnded   = "ended"
)

// state is what became of the last order.
type state struct {
	ID      string    `json:"id"`
	Kind    Kind      `json:"kind"`
	Phase   string    `json:"phase"`
	Problem string    `json:"problem,omitempty"`
	Ends    time.Time `json:"ends"`
}

// write puts a file into the folder in one step, mode 0600.
func write(folder, name string, content any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(folder, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = fresh.Write(append(text, '\n'))
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(fresh.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return nil
}

// read answers the file; an fs.ErrNotExist where there is none. A file that
// others could have written, and a link, are refused.
func read(folder, name string, into any) error {
	path := filepath.Join(folder, name)
	seen, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !seen.Mode().IsRegular() || seen.Mode().Perm()&^0o600 != 0 {
		return fmt.Errorf("%s: mode %s: want a plain file of mode 0600", path, seen.Mode())
	}
	f, err := os.Open(path) //nolint:gosec // G304: in the data folder
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	if opened, err := f.Stat(); err != nil || !os.SameFile(seen, opened) {
		return errors.Join(fmt.Errorf("%s: it was exchanged while it was read", path), err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func remove(folder, name string) error {
	err := os.Remove(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
