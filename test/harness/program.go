package harness

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// FindTool finds a program that `make tools` installs: in .tools/, or where
// the system keeps its programs.
func FindTool(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	for _, path := range []string{filepath.Join(root, ".tools", name), filepath.Join("/usr/sbin", name)} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no %s: run `make tools`: %w", name, err)
	}
	return path, nil
}

// StartProgram runs a program that listens at address, and waits until it
// does. log is the file it writes its problems to.
func StartProgram(ctx context.Context, name, address, log string, cmd *exec.Cmd) (*Process, error) {
	p, err := start(name, cmd)
	if err != nil {
		return nil, err
	}
	err = p.await(ctx, name, func() error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w\n%s", err, tail(log))
	}
	return p, nil
}

// FreePort is a loopback address that was free a moment ago, for programs that
// cannot be told to pick one. Somebody else may take it meanwhile: try again
// when the program ends by itself.
func FreePort(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
