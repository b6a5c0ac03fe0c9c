//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"credence/store"
)

// lockFile takes the advisory lock of the database at path, until the file it
// answers is closed or the process ends. The lock is on a file of its own:
// SQLite keeps fcntl locks on the database, and closing any other descriptor
// of that file would drop them (a rule of POSIX).
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, fileMode) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, fmt.Errorf("%w: %w; its folder has to exist and be writable for this process's user", store.ErrUnavailable, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := lockHolder(f)
		return nil, errors.Join(fmt.Errorf("%w%s; stop it, or use its API instead of the file", store.ErrLocked, holder), f.Close())
	}
	if err == nil {
		err = noteHolder(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: lock %s: %w", store.ErrUnavailable, f.Name(), err), f.Close())
	}
	return f, nil
}

// noteHolder leaves the process id for the error of the next one. It is only
// for people; the lock is what counts.
func noteHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func lockHolder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 20))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || convErr != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
