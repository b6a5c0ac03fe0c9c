//go:build !linux

package harness

import "syscall"

// attributes puts a child into its own process group. Only Linux can tie its
// life to ours.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// frozen cannot be asked for here.
func frozen(int) error { return nil }
