package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/client"
	"credence/test/harness"
)

const attackPolicy = `
thresholds:
  guesses: 4
  probes: 3
severities:
  dead_key_used: critical
actions:
  - anomaly_type: brute_force
    severity: medium
    action: blacklist
    for: 1h
  - anomaly_type: scope_probing
    severity: medium
    action: throttle
    share: 1
  - anomaly_type: dead_key_used
    severity: critical # more severe than the detector would say
    action: suspend
`

// TestAnAttackIsFoundAnsweredAndTakenBackOnEveryDeployment: real Checks are the
// attack, and real Checks see what the policy does about it, and that one
// command takes it back.
func TestAnAttackIsFoundAnsweredAndTakenBackOnEveryDeployment(t *testing.T) {
	for name, deploy := range deployments() {
		t.Run(name, func(t *testing.T) {
			w := deploy(t)
			policy := filepath.Join(t.TempDir(), "policy.yaml")
			if err := os.WriteFile(policy, []byte(attackPolicy), 0o600); err != nil {
				t.Fatal(err)
			}
			w.ok("anomaly-policies", "set", "--file", policy)
			_, good := w.key("good")
			slow, slowFile := w.key("slow", "--limit", "5000/h")
			leaked, leakedFile := w.key("leaked")
			w.guesses("203.0.113.50", good)
			w.checked(3, false, "--key-file", slowFile, "--extension", "credence.scopes=admin")
			w.checked(1, true, "--key-file", leakedFile)
			w.ok("keys", "revoke", leaked, "--reason", "leaked", "--yes", "--wait", "10s")
			w.checked(3, false, "--key-file", leakedFile)

			blacklisted := w.answered("brute_force", "address:203.0.113.50", "blacklist", "done")
			throttled := w.answered("scope_probing", "key:"+slow, "throttle", "done")
			w.answered("dead_key_used", "key:"+leaked, "suspend", "already") // it is refused as it is
			w.says("blacklisted", "--key-file", good, "--ip", "203.0.113.50")
			w.checked(1, true, "--key-file", good, "--ip", "203.0.113.51")
			w.says("rate_limited", "--key-file", slowFile) // 50 an hour; of 5000, more than a minute of Checks would be left

			w.ok("anomalies", "undo", blacklisted, "--note", "a test of penetration")
			w.says("", "--key-file", good, "--ip", "203.0.113.50")
			w.ok("anomalies", "undo", throttled, "--note", "a deploy")
			w.says("", "--key-file", slowFile)
		})
	}
}

// guesses tries keys that there are not, from an address of which nothing is
// known but that a key of ours came from it.
func (w *watched) guesses(address, good string) {
	w.t.Helper()
	w.checked(1, true, "--key-file", good, "--ip", address)
	for n := range 5 {
		guess := filepath.Join(w.t.TempDir(), "guess.txt")
		if err := os.WriteFile(guess, fmt.Appendf(nil, "crd_live_guess%d\n", n), 0o600); err != nil {
			w.t.Fatal(err)
		}
		w.checked(1, false, "--key-file", guess, "--ip", address)
	}
}

// answered waits for the finding and for what was decided about it.
func (w *watched) answered(kind, subject, action, outcome string) (id string) {
	w.t.Helper()
	w.until(kind+" is found and answered", func() error {
		var found client.List[client.Anomaly]
		w.read(&found, "anomalies", "list", "--type", kind)
		if len(found.Items) != 1 || found.Items[0].Subject != subject || len(found.Items[0].Actions) != 1 {
			return fmt.Errorf("%+v", found.Items)
		}
		if did := found.Items[0].Actions[0]; did.Action != action || did.Outcome != outcome {
			return fmt.Errorf("%+v", did)
		}
		id = found.Items[0].ID
		return nil
	})
	return id
}

// says waits until a Check is refused for the reason; "" for one that is let
// through.
func (w *watched) says(reason string, flags ...string) {
	w.t.Helper()
	w.until("a Check says "+reason, func() error {
		out, err := harness.Run(w.t.Context(), binary, append([]string{"check", "--addr", w.replica.Check.String()}, flags...)...)
		switch {
		case reason == "":
			return err
		case err == nil:
			return fmt.Errorf("let through: %s", out)
		case !strings.Contains(out+err.Error(), reason):
			return fmt.Errorf("%s, %w", out, err)
		}
		return nil
	})
}
