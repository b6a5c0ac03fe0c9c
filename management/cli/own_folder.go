package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ownFolder refuses a data folder that was found, not named, and may be
// somebody else's: a token must not go where a file in whatever folder one
// happens to stand in says. The folder and its addresses.json have to be the
// caller's or root's, others must not be able to write them, and the server has
// to be on this machine.
func ownFolder(dir, server string) error {
	const next = "If it is the right one, name it with --data-dir or CREDENCE_DATA_DIR."
	for _, path := range []string{dir, filepath.Join(dir, "addresses.json")} {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("find the server: %w", err)
		}
		if mode := info.Mode().Perm(); mode&0o022 != 0 {
			return explained{fmt.Errorf("%s was not named, and others may write it (mode %#o): the token is not sent where it says", path, mode), next}
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return explained{fmt.Errorf("%s was not named, and belongs to another user: the token is not sent where it says", path), next}
		}
	}
	if !onThisMachine(server) {
		return explained{errors.New("addresses.json in " + dir + ", which was not named, leads to another machine: the token is not sent there"), next}
	}
	return nil
}

func onThisMachine(server string) bool {
	at, err := url.Parse(server)
	if err != nil {
		return false
	}
	if strings.HasPrefix(at.Host, "localhost:") {
		return true
	}
	host, _, err := net.SplitHostPort(at.Host)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
