package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// File appends to a file, which it makes if there is none.
type File struct{ path string }

// NewFile checks the path.
func NewFile(path string) (*File, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("file %q is not an absolute path: a start in another folder would write another file", path)
	}
	return &File{path: filepath.Clean(path)}, nil
}

// Name is "file:PATH".
func (f *File) Name() string { return "file:" + f.path }

// Hold appends the lines and has the disk keep them.
func (f *File) Hold(_ context.Context, lines []byte) error {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	whole, err := endsWhole(file)
	if err == nil && !whole {
		lines = append([]byte("\n"), lines...)
	}
	if err == nil {
		_, err = io.Copy(file, bytes.NewReader(lines))
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

// endsWhole reports whether the file is empty or its last line is ended.
func endsWhole(file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return true, err
	}
	var last [1]byte
	_, err = file.ReadAt(last[:], info.Size()-1)
	return last[0] == '\n', err
}
