package secretfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Mode is the mode of every file made here: its owner reads and writes it.
const Mode fs.FileMode = 0o600

// WidestMode is the widest mode that [Read] accepts: the group may read. A file
// of a Kubernetes Secret belongs to root and reaches a process that is not root
// through its group only (fsGroup).
const WidestMode fs.FileMode = 0o640

// MaxSize is the largest content that is read or written, in bytes. The
// largest real file, a keyset after many rotations, is a few KiB.
const MaxSize = 64 << 10

// ErrTooWide means that the file may be touched by others than its owner.
var ErrTooWide = errors.New("others than the owner may use it")

// Read answers the content of the file at path. It refuses what is not a
// regular file, what has more rights than [WidestMode] ([ErrTooWide]) and what
// is larger than [MaxSize].
func Read(path string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, explain(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file; name the file itself", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file on purpose
	if err != nil {
		return nil, explain(path, err)
	}
	defer func() { _ = f.Close() }() // nothing was written, so nothing can be lost
	// The rights that count are those of the file that is really read.
	info, err = f.Stat()
	if err != nil {
		return nil, explain(path, err)
	}
	if mode := info.Mode().Perm(); mode&^WidestMode != 0 {
		return nil, fmt.Errorf("%s: mode is %#o: %w; if nobody can have read it, run: chmod %o %s", path, mode, ErrTooWide, WidestMode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, explain(path, err)
	}
	if len(content) > MaxSize {
		return nil, fmt.Errorf("%s: larger than %d bytes, so it is not a file of this program; name the right one", path, MaxSize)
	}
	return content, nil
}

// Create writes a new file with mode [Mode]. It never touches a file that is
// there already (the error is then an [fs.ErrExist]) and leaves nothing behind
// when it fails.
func Create(path string, content []byte) error {
	if len(content) > MaxSize {
		return fmt.Errorf("%s: content is larger than %d bytes; nothing was written", path, MaxSize)
	}
	n, err := New(path)
	if err != nil {
		return err
	}
	if _, err := n.Write(content); err != nil {
		// Only a whole file may stay: a cut one would look like a lost secret.
		return explain(path, errors.Join(err, n.Discard()))
	}
	return n.Keep()
}

// syncFolder makes the new name itself durable: syncing a file does not sync
// the folder that lists it (fsync(2)).
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the folder of the file the operator named
	if err != nil {
		return explain(path, err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return explain(path, err)
	}
	return nil
}

// explain adds the remedy to an error of the operating system and keeps its
// cause. The path is taken out of a PathError, so that it is said once.
func explain(path string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; name the right file, or restore it from a backup", path, cause)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s: %w and is never overwritten; name another file, or move this one away if nothing uses it", path, cause)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; give the file and its folder to the user that runs this program", path, cause)
	default:
		return fmt.Errorf("%s: %w; check the disk and the folder", path, cause)
	}
}

// Decode reads strict JSON into v: exactly one object, no unknown field. The
// error names path and the remedy and shows no values.
func Decode(path string, content []byte, v any) error {
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("%s: there is more after the end of the JSON object; restore the file from a backup", path)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: cut short or empty: %w; restore it from a backup", path, io.ErrUnexpectedEOF)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%s: not JSON at byte %d; restore it from a backup", path, syntax.Offset)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: %s: should be of type %s; correct the field or restore the file from a backup", path, kind.Field, kind.Type)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("%s: unknown field %s; remove it, or use the version of this program that wrote it", path, field)
	}
	// What is left is base64 that cannot be read; its error names a position.
	return fmt.Errorf("%s: %w; restore it from a backup", path, err)
}
