package credential_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/store/credential"
)

// callSecretFile writes a file of call secrets.
func callSecretFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "call.secrets")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCallSecretsAreReadLineByLineTheCurrentOneFirst(t *testing.T) {
	first, second := strings.Repeat("a", 32), strings.Repeat("b", 256)
	for _, mode := range []os.FileMode{0o600, 0o440} {
		got, err := credential.LoadCallSecrets(callSecretFile(t, "# of the gateways\n\n  "+first+" \r\n"+second, mode))
		if err != nil || len(got) != 2 || got[0].Reveal() != first || got[1].Reveal() != second {
			t.Errorf("mode %#o: %d secrets, %v", mode, len(got), err)
		}
	}
}

func TestWrongCallSecretsAreRefusedAndNotShown(t *testing.T) {
	good := "0123456789abcdefghijklmnopqrstuvwxyz"
	var many strings.Builder
	for i := range 9 {
		fmt.Fprintf(&many, "%s%d\n", good, i)
	}
	for name, c := range map[string]struct{ content, want string }{
		"none":      {"# nothing\n\n", "holds none"},
		"too short": {good[:31], "line 1: has 31 characters"},
		"too long":  {"\n" + strings.Repeat(good, 8), "line 2: has 288 characters"},
		"blank":     {good + " " + good, "line 1: has a blank"},
		"comma":     {good + "\n" + good + "," + good, "line 2: has a blank, a comma"},
		"not ASCII": {good + "ä", "ASCII"},
		"twice":     {good + "\n\n" + good, "line 3: stands there twice"},
		"too many":  {many.String(), "holds 9"},
	} {
		path := callSecretFile(t, c.content, 0o600)
		_, err := credential.LoadCallSecrets(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), good[:20]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := credential.LoadCallSecrets(callSecretFile(t, good, 0o644)); err == nil || !strings.Contains(err.Error(), "chmod 640") {
		t.Errorf("readable by everybody: %v", err)
	}
}
