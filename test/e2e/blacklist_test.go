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
	path, ends := refusedForAWhile(t, bad)
	wantFrom(t, shared, good, 200, k.header())
	wantFrom(t, shared, bad, 200, k.header()) // its end
	if early := time.Until(ends); early > 0 {
		t.Errorf("the rule ended %s too early", early)
	}
	wantLogged(t, shared, path, map[string]any{"reason": "blacklisted", "client": bad, "decision": "deny"})
}

// refusedForAWhile has a rule that ends by itself refuse the client, a request
// without a key too: nothing is looked at before. It returns that request's path
// and the end of the rule, which is further away the slower the machine is.
func refusedForAWhile(t *testing.T, from string) (path string, ends time.Time) {
	t.Helper()
	for life := 3 * time.Second; life < 2*time.Minute; life *= 2 {
		ends = time.Now().Add(life) // the rule is made later than this
		if _, err := shared.credence.CLI(t.Context(), nil, "blacklist", "add", "127.0.7.0/24", "--for", life.String(), "--reason", "end-to-end test"); err != nil {
			t.Fatal(err)
		}
		for time.Now().Before(ends) {
			path = unique("/from/bad")
			r, err := shared.try(t, from, "GET", path)
			if err != nil {
				t.Fatal(err)
			}
			if r.status == 403 {
				return path, ends
			}
		}
	}
	t.Fatal("no rule refused the client before its end")
	return "", time.Time{}
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

// A namespace's rule refuses its own keys, wherever they are used, and nobody
// else: the same client goes on with a key of another namespace.
func TestARuleOfANamespaceRefusesItsOwnKeysOnly(t *testing.T) {
	const bad, good = "127.0.12.9", "127.0.13.9"
	own := shared.newKey(t, func(in *client.KeyCreate) { in.Namespace = "partners" })
	other := shared.newKey(t, nil)
	rule, err := shared.api.BlacklistAdd(t.Context(), client.BlacklistAddInput{
		Body: client.BlacklistAdd{Network: "127.0.12.0/24", Namespace: "partners", Reason: "end-to-end test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := func(from string, k key, path string, status int) {
		t.Helper()
		err := harness.Until(t.Context(), harness.Patience, fmt.Sprintf("%s gets %d on %s", from, status, path), func() error {
			r, err := shared.try(t, from, "GET", path, k.header())
			if err == nil && r.status != status {
				err = fmt.Errorf("status %d", r.status)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want(bad, own, "/partners/1", 403)
	want(bad, other, "/from/bad", 200)
	want(good, own, "/partners/1", 200)
	path := unique("/partners/refused")
	want(bad, own, path, 403)
	wantLogged(t, shared, path, map[string]any{"reason": "blacklisted", "client": bad, "decision": "deny"})
	if _, err := shared.api.BlacklistRemove(t.Context(), client.BlacklistRemoveInput{ID: rule.ID}); err != nil {
		t.Fatal(err)
	}
	want(bad, own, "/partners/1", 200)
}
