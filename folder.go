package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// lockName is the file in the data folder whose lock the serve that runs there
// holds. It stays when the lock is gone.
const lockName = "serve.lock"

// errFolderInUse: another serve runs on the data folder.
var errFolderInUse = errors.New("in use by another credence serve")

// folderLock keeps a data folder to one serve. The lock of the database does not:
// two can have one folder and different databases, and would write over the
// secrets, the first token and the addresses of each other. It is the kernel's, so
// it is gone with its holder, however that ended.
type folderLock struct {
	dir  string
	file *os.File // nil while it is not held
}

// takeIfThere locks a folder that exists. Of one that cannot be written it says
// nothing: whoever makes the folder does.
func (l *folderLock) takeIfThere() error {
	if _, err := os.Stat(l.dir); err != nil {
		return nil //nolint:nilerr // nobody serves from it
	}
	if err := l.take(); errors.Is(err, errFolderInUse) {
		return err
	}
	return nil
}

// take locks the folder, unless it is locked by this one already.
func (l *folderLock) take() error {
	if l.file != nil {
		return nil
	}
	name := filepath.Join(l.dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600) //nolint:gosec // G304: the operator names the folder
	if err != nil {
		return fmt.Errorf("data folder %s cannot be locked: %w: change its owner or name another with --data-dir", l.dir, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := holderOf(f)
		return errors.Join(fmt.Errorf("data folder %s is %w%s: stop that one, or give this one a folder and ports of its own "+
			"(--data-dir, --check-addr, --status-addr, --api-addr)", l.dir, errFolderInUse, holder), f.Close())
	}
	if err == nil {
		err = noteHolder(f)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("data folder %s cannot be locked: %s: %w: name one on a local disk with --data-dir", l.dir, name, err), f.Close())
	}
	l.file = f
	return nil
}

// release lets the next one in.
func (l *folderLock) release() {
	if l.file != nil {
		_ = l.file.Close() // it is gone with the process at the latest
	}
}

// noteHolder leaves the process id for the error of the next one. It is only for
// people; the lock is what counts.
func noteHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holderOf(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 20))
	pid, wrong := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || wrong != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
