package anchor

import (
	"context"
	"fmt"
	"path/filepath"

	"credence/store/secretfile"
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
	if err := secretfile.Append(f.path, lines); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}
