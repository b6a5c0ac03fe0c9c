//go:build unix

package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openOwn opens a plain file that nobody else may touch, and follows no link.
func openOwn(path string) (*os.File, uint64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) //nolint:gosec // in the data folder
	if errors.Is(err, syscall.ELOOP) {
		return nil, 0, &RefusedError{path, ReasonUnsafe, "it is a link", nil}
	}
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Mode().Perm()&^fileMode != 0) {
		err = &RefusedError{path, ReasonUnsafe, fmt.Sprintf("its mode is %s, not %s", info.Mode(), fs.FileMode(fileMode)), nil}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, number(info), nil
}

// number tells a file from every other of its file system.
func number(info fs.FileInfo) uint64 {
	if own, ok := info.Sys().(*syscall.Stat_t); ok {
		return own.Ino
	}
	return 0
}

// lock takes the folder for this process, until the file it answers is closed
// or the process ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, fileMode) //nolint:gosec // in the data folder
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
