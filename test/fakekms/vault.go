package fakekms

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// VaultToken is the token that a [Vault] lets in.
const VaultToken = "hvs.test-token" //nolint:gosec // G101: opens nothing but this

// Vault answers like Vault's transit engine mounted at "transit" to a token
// whose policy allows to encrypt and decrypt and not to make keys.
type Vault struct{ server }

// NewVault runs one that has keys of these names, until the test ends.
func NewVault(tb testing.TB, names ...string) *Vault {
	tb.Helper()
	v := &Vault{server{keys: newKeys(tb, names)}}
	v.serve(tb, v.answer)
	return v
}

// URI names a key.
func (v *Vault) URI(name string) string {
	return "hcvault://" + strings.TrimPrefix(v.URL, "http://") + "/transit/keys/" + name
}

func (v *Vault) answer(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Vault-Token") != VaultToken {
		refuse(w, http.StatusForbidden, "permission denied")
		return
	}
	var in struct {
		Plaintext  string `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/v1/transit/")
	verb, name, found := strings.Cut(path, "/")
	if !ok || !found || r.Method != http.MethodPut && r.Method != http.MethodPost {
		refuse(w, http.StatusNotFound, "no handler for route \""+strings.TrimPrefix(r.URL.Path, "/v1/")+"\". route entry not found.")
		return
	}
	key, known := v.keys[name]
	switch {
	case verb == "encrypt" && !known:
		refuse(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n") // it would have to be made
	case verb == "encrypt":
		plain, err := base64.StdEncoding.DecodeString(in.Plaintext)
		if err != nil {
			refuse(w, http.StatusBadRequest, "failed to base64-decode plaintext")
			return
		}
		vaultData(w, "ciphertext", "vault:v1:"+base64.StdEncoding.EncodeToString(encrypt(key, plain)))
	case verb == "decrypt" && !known:
		refuse(w, http.StatusBadRequest, "encryption key not found")
	case verb == "decrypt":
		raw, ok := strings.CutPrefix(in.Ciphertext, "vault:v1:")
		text, err := base64.StdEncoding.DecodeString(raw)
		if !ok || err != nil {
			refuse(w, http.StatusBadRequest, "invalid ciphertext: no prefix")
			return
		}
		plain, ok := decrypt(key, text)
		if !ok {
			refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		vaultData(w, "plaintext", base64.StdEncoding.EncodeToString(plain))
	default:
		refuse(w, http.StatusNotFound, "unsupported path")
	}
}

func vaultData(w http.ResponseWriter, name, value string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"request_id": "5f0c7a3e-0000-4000-8000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": map[string]any{name: value, "key_version": 1}, "wrap_info": nil, "warnings": nil, "auth": nil,
	})
}

func refuse(w http.ResponseWriter, status int, said string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{said}})
}
