package kms

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
)

type vaultService struct {
	client *api.Logical
	mount  string
	name   string
}

func newVault(uri string) (*vaultService, error) {
	host, mount, name, err := vaultParts(uri)
	if err != nil {
		return nil, err
	}
	c := api.DefaultConfig()
	if c.Error != nil {
		return nil, fmt.Errorf("the settings for Vault of this process (VAULT_...): %w", c.Error)
	}
	if said, err := url.Parse(c.Address); err != nil || said.Host != host || said.Scheme != "http" {
		c.Address = "https://" + host
	}
	c.DisableRedirects = true
	c.Timeout = 0 // whoever asks bounds it
	transport, ok := c.HttpClient.Transport.(*http.Transport)
	if !ok {
		return nil, errors.New("the client of Vault has another transport than it says")
	}
	c.HttpClient.Transport = newBounded(transport)
	client, err := api.NewClient(c)
	if err != nil {
		return nil, fmt.Errorf("the settings for Vault of this process (VAULT_...): %w", err)
	}
	if client.Token() == "" && c.AgentAddress == "" {
		return nil, errors.New("no token for Vault: set VAULT_TOKEN, or VAULT_AGENT_ADDR for an agent that adds one")
	}
	return &vaultService{client: client.Logical(), mount: mount, name: name}, nil
}

// vaultParts takes hcvault://HOST/MOUNT/keys/NAME apart.
func vaultParts(uri string) (host, mount, name string, err error) {
	u, err := url.Parse(uri)
	if err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		mount, name, _ = strings.Cut(strings.TrimPrefix(u.Path, "/"), "/keys/")
	}
	if mount == "" || name == "" || strings.Contains(name, "/") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, "..") {
		return "", "", "", errors.New("names no key of a transit engine: write hcvault://HOST:PORT/MOUNT/keys/NAME, such as hcvault://vault.example.com:8200/transit/keys/credence")
	}
	return u.Host, mount, name, nil
}

func (s *vaultService) encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	text, err := s.ask(ctx, "encrypt", "plaintext", base64.StdEncoding.EncodeToString(plain), "ciphertext")
	return []byte(text), err
}

func (s *vaultService) decrypt(ctx context.Context, text []byte) ([]byte, error) {
	plain, err := s.ask(ctx, "decrypt", "ciphertext", string(text), "plaintext")
	if err != nil {
		return nil, err
	}
	out, err := base64.StdEncoding.DecodeString(plain)
	if err != nil {
		return nil, errors.New("the plaintext in the answer is no base64")
	}
	return out, nil
}

func (s *vaultService) ask(ctx context.Context, verb, field, value, wanted string) (string, error) {
	answer, err := s.client.WriteWithContext(ctx, s.mount+"/"+verb+"/"+s.name, map[string]any{field: value})
	if err != nil {
		return "", err
	}
	if answer == nil {
		return "", errEmpty
	}
	got, ok := answer.Data[wanted].(string)
	if !ok {
		return "", fmt.Errorf("the answer has no %s", wanted)
	}
	return got, nil
}

func (s *vaultService) explain(err error) string {
	refused, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return ""
	}
	said := strings.ToLower(strings.Join(refused.Errors, " "))
	switch {
	case refused.StatusCode == http.StatusForbidden:
		return fmt.Sprintf("Vault denies it: renew the token, and allow its policy \"update\" on %[1]s/decrypt/%[2]s (and %[1]s/encrypt/%[2]s where the keyset is made or rotated)", s.mount, s.name)
	case refused.StatusCode == http.StatusNotFound, strings.Contains(said, "key not found"), strings.Contains(said, "no handler"):
		return fmt.Sprintf("there is no key %q in a transit engine at %q: see the URI, and VAULT_NAMESPACE", s.name, s.mount)
	case refused.StatusCode == http.StatusServiceUnavailable:
		return "Vault is sealed or not ready: unseal it"
	case strings.Contains(said, "message authentication failed"), strings.Contains(said, "ciphertext"):
		return "this key did not encrypt it, or the file was changed, or min_decryption_version was raised beyond it: put back the file that belongs to this key"
	case refused.StatusCode >= 300 && refused.StatusCode < 400:
		return "Vault sends elsewhere, which is not followed: name the host that answers itself"
	default:
		return "Vault refuses it"
	}
}
