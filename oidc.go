package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"credence/management/api"
	"credence/management/oidc"
	"credence/management/outgoing"
	"credence/store"
)

func oidcSettings() []setting {
	return []setting{
		{inControl, "oidc-config", "file", "", "YAML file of the identity providers whose tokens are accepted beside admin tokens, and what their claims are good for (docs/oidc.md)", text(func(c *config) *string { return &c.OIDCConfig })},
	}
}

// maxOIDCFile bounds the file, in bytes.
const maxOIDCFile = 1 << 20

// issuersFile is the file of oidc-config, as it is written.
type issuersFile struct {
	Issuers []issuerEntry `yaml:"issuers"`
}

type issuerEntry struct {
	Name       string        `yaml:"name"`
	URL        string        `yaml:"url"`
	Audiences  []string      `yaml:"audiences"`
	Algorithms []string      `yaml:"algorithms"`
	Leeway     time.Duration `yaml:"leeway"`
	Rules      []ruleEntry   `yaml:"rules"`
}

type ruleEntry struct {
	Match            map[string]any `yaml:"match"`
	Role             string         `yaml:"role"`
	Namespaces       []string       `yaml:"namespaces"`
	NamespacesFrom   []string       `yaml:"namespaces_from"`
	NamespacesPrefix string         `yaml:"namespaces_prefix"`
	TokenLife        time.Duration  `yaml:"token_life"`
}

// loadIssuers reads the file of oidc-config; "" has none.
func loadIssuers(path string) ([]oidc.Issuer, error) {
	if path == "" {
		return nil, nil
	}
	wrong := func(err error) error { return usageError{fmt.Errorf("oidc-config: %s: %w", path, err)} }
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, usageError{fmt.Errorf("oidc-config: %w: name a file that can be read", err)}
	}
	defer f.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(f, maxOIDCFile+1))
	if err != nil {
		return nil, wrong(err)
	}
	if len(raw) > maxOIDCFile {
		return nil, wrong(fmt.Errorf("longer than %d bytes", maxOIDCFile))
	}
	var written issuersFile
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true) // a misspelled bound must not be taken for one
	if err := decoder.Decode(&written); err != nil && !errors.Is(err, io.EOF) {
		return nil, wrong(fmt.Errorf("%w: docs/oidc.md has an example", err))
	}
	issuers := written.issuers()
	if err := oidc.Validate(issuers); err != nil {
		return nil, wrong(err)
	}
	return issuers, nil
}

func (f issuersFile) issuers() []oidc.Issuer {
	var issuers []oidc.Issuer
	for _, e := range f.Issuers {
		issuer := oidc.Issuer{Name: e.Name, URL: e.URL, Audiences: e.Audiences, Algorithms: e.Algorithms, Leeway: e.Leeway}
		for _, r := range e.Rules {
			rule := oidc.Rule{
				Match: r.Match, Role: store.Role(r.Role), Namespaces: r.Namespaces, NamespacesFrom: r.NamespacesFrom, Prefix: r.NamespacesPrefix,
				TokenLife: r.TokenLife,
			}
			if slices.Equal(r.Namespaces, []string{"*"}) {
				rule.Everywhere, rule.Namespaces = true, nil
			}
			issuer.Rules = append(issuer.Rules, rule)
		}
		issuers = append(issuers, issuer)
	}
	return issuers
}

// newAuthenticator makes what tells who asks: admin tokens alone, or those of
// identity providers, too. note says what is wrong with an identity provider.
func (d *deployment) newAuthenticator(w *work, adminTokens api.Authenticator) (a api.Authenticator, note func() string, err error) {
	issuers, err := loadIssuers(d.config.OIDCConfig)
	if err != nil || issuers == nil {
		return adminTokens, nil, err
	}
	reach, err := outgoingOptions(d.config.Outgoing)
	if err != nil {
		return nil, nil, err
	}
	client := outgoing.NewClient(reach)
	both, err := oidc.New(oidc.Options{
		Issuers: issuers, Next: adminTokens, HTTP: client, Now: time.Now, Logger: d.logger, Registerer: d.registry,
	})
	if err != nil {
		return nil, nil, err
	}
	w.front.Go(func() error {
		defer client.CloseIdleConnections()
		return both.Run(w.ctx)
	})
	return both, both.Note, nil
}
