package pgserver

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// install is the remedy for a missing program.
const install = "run `make tools`, or on Debian and Ubuntu: apt-get install postgresql pgbouncer"

// ErrMissing says that a program is not installed, and how to install it.
var ErrMissing = errors.New("not installed; " + install)

// find answers the path of a program of PostgreSQL: from PATH, or from the
// newest of the folders Debian installs into.
func find(name string) (string, error) {
	// Debian's wrapper scripts in PATH choose among clusters; the folders hold
	// the programs themselves, so they go first.
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); err == nil && len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) }), nil
	}
	if path, err := exec.LookPath(name); err == nil {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return target, nil // initdb finds its neighbours beside itself
		}
		return path, nil
	}
	return "", fmt.Errorf("%s is %w", name, ErrMissing)
}

// findPooler answers the path of pgbouncer, which Debian puts into sbin.
func findPooler() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("/usr/sbin/pgbouncer"); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("pgbouncer is %w", ErrMissing)
}

// major is the version that the text begins with, after Debian's folder if it
// is a path: 15 of "15.14 (Debian)", "15beta1" and "/usr/lib/postgresql/15/bin/postgres".
func major(text string) int {
	text = strings.TrimPrefix(text, "/usr/lib/postgresql/")
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		text = text[:end]
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
