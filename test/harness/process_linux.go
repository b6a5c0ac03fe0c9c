package harness

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// attributes puts a child into its own process group and lets the kernel kill
// it when we die without having stopped it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// frozen answers nil when every thread of the process has stopped. A signal is
// only sent when kill returns: a thread on another processor may run on for a
// while, long enough to answer one more request.
func frozen(pid int) error {
	threads, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	if err != nil || len(threads) == 0 {
		return fmt.Errorf("process %d has no threads: %w", pid, os.ErrProcessDone)
	}
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that has ended does nothing any more
		}
		// "PID (NAME) STATE ...", proc(5); the name may hold anything.
		if at := bytes.LastIndexByte(stat, ')'); at < 0 || !bytes.HasPrefix(stat[at:], []byte(") T")) {
			return fmt.Errorf("%s has not stopped", path)
		}
	}
	return nil
}
