package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/cli"
	"credence/store"
	"credence/store/seal"
)

// TestAPolicyOfALaterVersionIsShownAsSuchAndReplacedAsAWhole: what it says is
// never lost by a change of one rule.
func TestAPolicyOfALaterVersionIsShownAsSuchAndReplacedAsAWhole(t *testing.T) {
	o := open(t)
	later := func() {
		t.Helper()
		keyset, err := seal.NewKeyset()
		must(t, err)
		s := store.New(o.backend, keyset, now)
		was, err := s.AnomalyPolicy(t.Context())
		must(t, err)
		must(t, s.Transact(t.Context(), func(ctx context.Context, w store.Writer) error {
			was.Document = `{"moods":["grumpy"]}`
			return w.UpdateAnomalyPolicy(ctx, was)
		}))
	}
	later()
	shown := o.run("anomaly-policies", "show")
	if shown.code != cli.ExitOK || !strings.Contains(shown.out, "moods") || !strings.Contains(shown.out, "problem") || !strings.Contains(shown.err, "cannot be followed") {
		t.Errorf("show: %+v", shown)
	}
	if listed := o.run("anomaly-policies", "list"); listed.code != cli.ExitOK || strings.Contains(listed.out, "suspend") || !strings.Contains(listed.err, "nothing is done") {
		t.Errorf("list: %+v", listed)
	}
	if text := o.ok("anomaly-policies", "show", "-o", "json"); !strings.Contains(text, `"problem": "anomaly policy: json: unknown field \"moods\"`) {
		t.Errorf("as JSON: %s", text)
	}
	o.fails(cli.ExitConflict, "set the policy again with --file", "anomaly-policies", "show", "--document")
	o.fails(cli.ExitConflict, "set all of it with --file", "anomaly-policies", "set", "--type", "rate_change", "--severity", "high", "--action", "suspend")
	o.fails(cli.ExitUsage, "give one", "anomalies", "replay", "--since", "1h")
	file := filepath.Join(t.TempDir(), "policy.yaml")
	must(t, os.WriteFile(file, []byte("thresholds: {guesses: \"50\"}\n"), 0o600))
	if set := o.ok("anomaly-policies", "set", "--file", file); strings.Contains(set, "problem") || !strings.Contains(set, "guesses") {
		t.Errorf("set: %s", set)
	}
	later()
	o.ok("anomaly-policies", "reset")
	if shown := o.run("anomaly-policies", "show"); shown.code != cli.ExitOK || shown.err != "" || strings.Contains(shown.out, "problem") {
		t.Errorf("after reset: %+v", shown)
	}
}
