//go:build !linux

package n8nserver

import "syscall"

// attributes puts a child into its own process group. Only Linux can tie its
// life to ours.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
