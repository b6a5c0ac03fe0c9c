package kms

import (
	"net/http"
	"testing"

	"credence/test/fakekms"
)

func TestEachRefusalOfVaultHasItsRemedy(t *testing.T) {
	service := fakekms.NewVault(t, "one")
	t.Setenv("VAULT_ADDR", service.URL)
	t.Setenv("VAULT_TOKEN", fakekms.VaultToken)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	key := find(t, service.URI("one"))
	for body, c := range map[string]struct {
		code int
		want string
	}{
		`{"errors":["permission denied"]}`:                            {http.StatusForbidden, `allow its policy "update" on transit/decrypt/one`},
		`{"errors":["no handler for route \"transit/decrypt/one\""]}`: {http.StatusNotFound, "VAULT_NAMESPACE"},
		`{"errors":[]}`:                  {http.StatusNotFound, "VAULT_NAMESPACE"},
		`{"errors":["Vault is sealed"]}`: {http.StatusServiceUnavailable, "unseal it"},
		`{"errors":["ciphertext or signature version is disallowed by policy (too old)"]}`: {http.StatusBadRequest, "min_decryption_version"},
		`{"errors":["internal error"]}`: {http.StatusInternalServerError, "Vault refuses it"},
	} {
		service.Instead(status(c.code, body))
		_, err := key.DecryptWithContext(t.Context(), []byte("vault:v1:x"), nil)
		wantError(t, err, c.want)
	}
}

func TestTheTokenOfVaultIsNeededUnlessAnAgentAddsIt(t *testing.T) {
	service := fakekms.NewVault(t, "one")
	t.Setenv("VAULT_ADDR", service.URL)
	t.Setenv("VAULT_TOKEN", "")
	_, err := Find(t.Context(), service.URI("one"))
	wantError(t, err, "no token for Vault: set VAULT_TOKEN")
	t.Setenv("VAULT_TOKEN", "another")
	_, err = find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
	wantError(t, err, "Vault denies it")
	t.Setenv("VAULT_TOKEN", "")
	agent := fakekms.NewVault(t, "one")
	agent.Instead(func(_ http.ResponseWriter, r *http.Request) bool {
		r.Header.Set("X-Vault-Token", fakekms.VaultToken)
		return false
	})
	t.Setenv("VAULT_AGENT_ADDR", agent.URL)
	_, err = find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
	must(t, err)
	if service.Asked() != 1 || agent.Asked() != 1 {
		t.Errorf("vault was asked %d times and the agent %d times", service.Asked(), agent.Asked())
	}
}

func TestVaultIsSpokenToOverTLSUnlessItsAddressSaysOtherwise(t *testing.T) {
	service := fakekms.NewVault(t, "one")
	t.Setenv("VAULT_TOKEN", fakekms.VaultToken)
	t.Setenv("VAULT_MAX_RETRIES", "0")
	for _, address := range []string{"", "http://127.0.0.2:8200"} {
		t.Setenv("VAULT_ADDR", address)
		_, err := find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
		wantError(t, err, "server gave HTTP response to HTTPS client")
	}
	if service.Asked() != 0 {
		t.Error("the token went over the line in cleartext")
	}
}
