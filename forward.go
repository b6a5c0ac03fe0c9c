package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"credence/extauthz"
	"credence/extauthz/forward"
)

// isOff reports whether the setting leaves its listener out. Only forward-auth
// can be: every other port is what its process is for.
func isOff(setting, address string) bool { return setting == "forward-addr" && address == "" }

// checkForward refuses settings of the forward-auth listener that cannot work
// or would have it believe anybody: who reaches it can claim any request, so
// encryption alone is not enough beyond this machine.
func checkForward(c config) error {
	if c.ForwardAddr == "" {
		for setting, value := range map[string]string{
			"forward-policies": c.ForwardPolicies, "forward-tls-cert": c.ForwardTLS.Cert, "forward-tls-client-ca": c.ForwardTLS.ClientCA,
		} {
			if value != "" {
				return usageError{fmt.Errorf("%s: there is no forward-auth listener: name its address with --forward-addr, or leave this out", setting)}
			}
		}
		return nil
	}
	if c.ForwardTLS.Cert != "" && c.ForwardTLS.ClientCA == "" && c.CallSecretFile == "" && !c.InsecurePlaintext {
		return usageError{errors.New("forward-tls-cert: TLS alone lets everybody ask who reaches the port: name the authorities of your proxies " +
			"with --forward-tls-client-ca, or a secret that they send with --call-secret-file")}
	}
	_, err := loadPolicies(c.ForwardPolicies)
	return err
}

// loadPolicies reads the file of forward-policies; "" has none.
func loadPolicies(path string) (forward.Policies, error) {
	if path == "" {
		return forward.Policies{}, nil
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return forward.Policies{}, usageError{fmt.Errorf("forward-policies: %w: name a file that can be read", err)}
	}
	var written map[string]map[string]string
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&written); err != nil && !errors.Is(err, io.EOF) {
		return forward.Policies{}, usageError{fmt.Errorf("forward-policies: %s: %w: write NAME: {WORD: VALUE}, a list of values in one text", path, err)}
	}
	policies, err := forward.NewPolicies(written)
	if err != nil {
		return forward.Policies{}, usageError{fmt.Errorf("forward-policies: %s: %w", path, err)}
	}
	return policies, nil
}

// newForward builds what answers over HTTP; nil when nobody asks there.
func (d *deployment) newForward(ctx context.Context, l *listeners, p *dataPlane) (*forward.Handler, error) {
	if l.forward == nil {
		return nil, nil //nolint:nilnil // no listener is a choice, not an error
	}
	policies, err := loadPolicies(d.config.ForwardPolicies)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(d.config.ClientSource, "header:") {
		d.logger.WarnContext(ctx, "forward-auth knows no peer address: what asks for the client's address refuses; "+
			"have the proxy set a header and name it", slog.String("remedy", "--client-source header:x-client-ip"))
	}
	if !d.config.KeepCredential && slices.ContainsFunc(d.config.KeySources, func(s string) bool { return strings.HasPrefix(s, "query:") }) {
		d.logger.WarnContext(ctx, "forward-auth cannot take a key out of the query: it reaches the upstream unless the proxy removes it",
			slog.String("remedy", "envoy/forward/README.md, or key-sources without query"))
	}
	return forward.New(forward.Options{
		Checks: p.server, Policies: policies, Stored: p.routes, Logger: d.logger, Now: time.Now, Registerer: d.registry,
	})
}

// serveChecks answers on all ports of the data plane until ctx ends and each
// has drained: none of them outlives what it stands on.
func (d *deployment) serveChecks(ctx context.Context, l *listeners, server *extauthz.Server, overHTTP *forward.Handler) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Serve(ctx, l.check) })
	if overHTTP != nil {
		listener := l.forward
		if config := serverTLS(l.transport.forward); config != nil {
			listener = tls.NewListener(listener, config)
		}
		g.Go(func() error {
			return overHTTP.Serve(ctx, listener, forward.ServeOptions{
				Logger: d.logger, Delay: d.config.DrainDelay, Timeout: d.config.ShutdownGrace,
			})
		})
	}
	return g.Wait()
}
