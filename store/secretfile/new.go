package secretfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file that is being made. [File.Keep] makes it last, [File.Discard]
// leaves nothing of it; one of the two is called once.
type File struct {
	f     *os.File
	path  string // where it is to be
	fresh string // where it is until then
}

// New makes a file of mode [Mode] that was not there: for what is written after
// it is known that it can be. It follows no link, and a file that is there is
// never touched (the error is then an [fs.ErrExist]).
func New(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, Mode) //nolint:gosec // the operator names the file on purpose
	if err != nil {
		return nil, explain(path, err)
	}
	return &File{f: f, path: path, fresh: path}, nil
}

// Replacing makes a file of mode [Mode] that takes the place of the one at path,
// if there is one, when it is kept: nobody reads half of it. Until then it has a
// name beside it that nobody knows before. A link at path is replaced, not
// followed.
func Replacing(path string) (*File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return nil, explain(path, err)
	}
	return &File{f: f, path: path, fresh: f.Name()}, nil
}

// Write implements [io.Writer].
func (n *File) Write(content []byte) (int, error) { return n.f.Write(content) }

// Keep makes the file and its name last, or leaves nothing.
func (n *File) Keep() error {
	err := errors.Join(n.f.Sync(), n.f.Close())
	if err == nil && n.fresh != n.path {
		err = os.Rename(n.fresh, n.path)
	}
	if err != nil {
		return explain(n.path, errors.Join(err, os.Remove(n.fresh)))
	}
	return syncFolder(filepath.Dir(n.path))
}

// Discard removes the file.
func (n *File) Discard() error {
	_ = n.f.Close() // nothing of it is wanted
	if err := os.Remove(n.fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: could not be removed: %w; remove it", n.fresh, err)
	}
	return nil
}

// Replace writes content in place of what is at path, whole or not at all.
func Replace(path string, content []byte) error {
	n, err := Replacing(path)
	if err != nil {
		return err
	}
	if _, err := n.Write(content); err != nil {
		return explain(path, errors.Join(err, n.Discard()))
	}
	return n.Keep()
}

// Append adds lines to the file at path, which it makes with mode [Mode] if
// there is none, and has the disk keep them. A last line that a crash has cut
// short is ended first, so that it does not spoil the next.
func Append(path string, lines []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, Mode) //nolint:gosec // the operator names the file on purpose
	if err != nil {
		return explain(path, err)
	}
	whole, err := endsWhole(f)
	if err == nil && !whole {
		lines = append([]byte("\n"), lines...)
	}
	if err == nil {
		_, err = f.Write(lines)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return explain(path, err)
	}
	return nil
}

// endsWhole reports whether the file is empty or its last line is ended.
func endsWhole(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true, err
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return last[0] == '\n', err
}
