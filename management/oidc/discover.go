package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
)

const (
	// maxKeys bounds the keys of an issuer; all are tried for a token that
	// names none.
	maxKeys = 100
	// maxSaid bounds what an error quotes of an answer.
	maxSaid = 400
	// minRSA is the least size of an RSA key, in bits (RFC 7518, section 3.3).
	minRSA = 2048
)

// discover asks the issuer where its keys are and reads them. The client
// bounds time and size, and judges both addresses.
func discover(client *http.Client, issuer string) func(context.Context) ([]jose.JSONWebKey, error) {
	return func(ctx context.Context) ([]jose.JSONWebKey, error) {
		provider, err := gooidc.NewProvider(gooidc.ClientContext(ctx, client), issuer)
		if err != nil {
			return nil, shortened("discovery", err)
		}
		var document struct {
			Keys string `json:"jwks_uri"`
		}
		if err := provider.Claims(&document); err != nil {
			return nil, shortened("discovery", err)
		}
		if err := secureURL(document.Keys); err != nil {
			return nil, shortened("discovery: jwks_uri", err)
		}
		keys, err := readKeys(ctx, client, document.Keys)
		if err != nil {
			return nil, shortened("signing keys", err)
		}
		return keys, nil
	}
}

func readKeys(ctx context.Context, client *http.Client, address string) ([]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // read to its bound
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", address, res.Status)
	}
	return parseKeys(body)
}

// parseKeys reads a key set and leaves out what can verify no signature here,
// as RFC 7517, section 5, wants it.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys are too many: at most %d", len(set.Keys), maxKeys)
	}
	var usable []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && verifies(&key) {
			usable = append(usable, key)
		}
	}
	if len(usable) == 0 {
		return nil, errors.New("there is no key in it that verifies signatures")
	}
	return usable, nil
}

// verifies reports whether the key is a public one for signatures.
func verifies(key *jose.JSONWebKey) bool {
	if !key.IsPublic() || !key.Valid() || key.Use != "" && key.Use != "sig" {
		return false
	}
	if public, ok := key.Key.(*rsa.PublicKey); ok {
		return public.N.BitLen() >= minRSA
	}
	return true
}

// shortened cuts what an answer of an issuer may have put into an error.
func shortened(what string, err error) error { return shortError{what, err} }

type shortError struct {
	what string
	err  error
}

// Error is the beginning of it.
func (e shortError) Error() string {
	said := []rune(e.err.Error())
	if len(said) > maxSaid {
		said = append(said[:maxSaid:maxSaid], '.', '.', '.')
	}
	return e.what + ": " + string(said)
}

// Unwrap answers the whole of it.
func (e shortError) Unwrap() error { return e.err }
