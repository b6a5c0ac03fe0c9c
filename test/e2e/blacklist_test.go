package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"credence/management/client"
	"credence/test/harness"
)

// wantFrom waits until a client at that address gets status.
func wantFrom(t *testing.T, d *deployment, from string, status int, headers ...[2]string) {
	t.Helper()
	err := harness.Until(t.Context(), harness.Patience, fmt.Sprintf("%s gets %d", from, status), func() error {
		r, err := d.try(t, from, "GET", "/from/"+from, headers...)
		if err != nil {
			return err
		}
		if r.status != status {
			return fmt.Errorf("status %d", r.status)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestABlacklistedNetworkIsRefusedUntilItsEndAndNoOtherClientIs(t *testing.T) {
	const bad, good = "127.0.7.9", "127.0.8.9"
	k := shared.newKey(t, nil)
	wantFrom(t, shared, bad, 200, k.header())
	added := time.Now()
	if _, err := shared.credence.CLI(t.Context(), nil, "blacklist", "add", "127.0.7.0/24", "--for", "3s", "--reason", "end-to-end test"); err != nil {
		t.Fatal(err)
	}
	wantFrom(t, shared, bad, 403, k.header())
	if time.Since(added) > 3*time.Second {
		t.Fatal("the rule ended before it was seen; this machine is too slow for the test's three seconds")
	}
	path := unique("/from/bad")
	r, err := shared.try(t, bad, "GET", path)
	if err != nil {
		t.Fatal(err)
	}
	r.wantStatus(t, 403) // before anything else: the missing key is not even looked for
	wantFrom(t, shared, good, 200, k.header())
	wantFrom(t, shared, bad, 200, k.header()) // its end
	if seen := time.Since(added); seen < 3*time.Second {
		t.Errorf("the rule ended after %s, want three seconds", seen)
	}
	wantLogged(t, shared, path, map[string]any{"reason": "blacklisted", "client": bad, "decision": "deny"})
}

func TestARemovedBlacklistRuleRefusesNobody(t *testing.T) {
	const address = "127.0.9.9"
	k := shared.newKey(t, nil)
	rule, err := shared.api.BlacklistAdd(t.Context(), client.BlacklistAddInput{
		Body: client.BlacklistAdd{Network: address + "/32", Reason: "end-to-end test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFrom(t, shared, address, 403, k.header())
	if _, err := shared.api.BlacklistRemove(t.Context(), client.BlacklistRemoveInput{ID: rule.ID}); err != nil {
		t.Fatal(err)
	}
	wantFrom(t, shared, address, 200, k.header())
}

func TestAKeyWorksFromItsNetworksOnly(t *testing.T) {
	k := shared.newKey(t, func(in *client.KeyCreate) { in.Networks = []string{"127.0.10.0/24"} })
	wantFrom(t, shared, "127.0.10.1", 200, k.header())
	wantFrom(t, shared, "127.0.11.1", 403, k.header())
}
