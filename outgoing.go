package main

import (
	"fmt"

	"credence/management/outgoing"
	"credence/store/certfile"
)

// outgoingConfig is what an operator can say about the addresses that the
// control plane calls because somebody has named them.
type outgoingConfig struct {
	Allow outgoing.Allow
	CA    string
}

func outgoingSettings() []setting {
	return []setting{
		{inControl, "outgoing-allow", "list", "", "private addresses that webhooks, connections and OIDC may reach: networks (10.0.0.0/8), addresses, or HOST:PORT (git.internal:3000); public ones are reached without, metadata services of clouds never", outgoingAllow},
		{inControl, "outgoing-ca", "file", "", "authorities (PEM) to trust there besides the system's", text(func(c *config) *string { return &c.Outgoing.CA })},
	}
}

func outgoingAllow(c *config, v string) (err error) {
	c.Outgoing.Allow, err = outgoing.ParseAllow(splitList(v))
	return err
}

// outgoingOptions turns settings into the options of whoever calls out: each
// makes its own client of them, with bounds of its own.
func outgoingOptions(c outgoingConfig) (outgoing.Options, error) {
	o := outgoing.Options{Allow: c.Allow}
	if c.CA == "" {
		return o, nil
	}
	config, err := certfile.ClientOptions{CAFile: c.CA, AndSystem: true}.Config()
	if err != nil {
		return o, usageError{fmt.Errorf("outgoing-ca: %w", err)}
	}
	o.TLS = config
	return o, nil
}
