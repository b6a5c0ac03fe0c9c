//go:build !linux

package pgserver

import (
	"errors"
	"syscall"
)

// attributes puts a child into its own process group. Only Linux can tie its
// life to ours.
func attributes(as *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: as}
}

// children lists the processes that parent started.
func children(int) ([]int, error) {
	return nil, errors.New("the children of a process are known on Linux only")
}

// freeBytes is the room in the file system that Linux keeps in memory.
func freeBytes(string) uint64 { return 0 }
