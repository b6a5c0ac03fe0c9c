//go:build gateways

package gateways

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"credence/test/harness"
)

// tool is the path of a program that test/tools/gateways.sh builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, ".tools", name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is missing: run `make tools-gateways` (it takes minutes)", name)
	} else if err != nil {
		t.Fatal(err)
	}
	return path
}

// both runs a program in the root of the repository, with input on its standard
// input, and answers what it wrote to standard output and standard error.
func both(t *testing.T, input, name string, args ...string) (out, problems string, err error) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Dir = root
	// No cluster, and no settings of the person who runs the tests.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECONFIG="+filepath.Join(t.TempDir(), "none"))
	cmd.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// runTool answers everything that a program wrote, in no order.
func runTool(t *testing.T, input, name string, args ...string) (string, error) {
	t.Helper()
	out, problems, err := both(t, input, name, args...)
	return out + problems, err
}

// output is the standard output of a program that has to succeed.
func output(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	out, problems, err := both(t, input, name, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, problems)
	}
	return out
}
