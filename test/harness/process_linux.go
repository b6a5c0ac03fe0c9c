package harness

import "syscall"

// attributes puts a child into its own process group and lets the kernel kill
// it when we die without having stopped it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
