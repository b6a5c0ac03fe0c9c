package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The name of a folder is prefix, the process id of its maker, "-", and
// something random. It is short: the path of a Unix socket has room for about
// a hundred bytes, so the folder is not made below a test's own.
const prefix = "crd-pg-"

// account answers whom to run servers as: nil for the present user, and the
// user postgres for root, as whom PostgreSQL refuses to run.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("root runs PostgreSQL as the user postgres: %w (the Debian package makes it; %s)", err, install)
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// newFolder makes a folder that only the account can look into, and removes
// those of test programs that died.
func newFolder(as *syscall.Credential) (string, error) {
	parent := parent()
	sweep(parent)
	folder, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return "", err
	}
	if as != nil {
		if err := os.Chown(folder, int(as.Uid), int(as.Gid)); err != nil {
			return "", errors.Join(err, os.RemoveAll(folder))
		}
	}
	return folder, nil
}

// parent is where folders are made: in memory where there is plenty of it, as
// a fresh database is some three hundred files to copy, or in the folder for
// temporary files, always so when TMPDIR names one.
func parent() string {
	if os.Getenv("TMPDIR") == "" && freeBytes(inMemory) >= enoughMemory {
		return inMemory
	}
	return os.TempDir()
}

const (
	inMemory     = "/dev/shm"
	enoughMemory = 2 << 30 // a container has 64 MiB unless it was given more
)

func sweep(parent string) {
	left, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range left {
		maker, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), prefix), "-")
		pid, err := strconv.Atoi(maker)
		if err != nil || !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			continue
		}
		_ = os.RemoveAll(folder) // another user's stays
	}
}
