package n8nserver

import "syscall"

// attributes puts a child into its own process group and lets the kernel kill
// it when we die.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
