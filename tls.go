package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/store/certfile"
	"credence/store/credential"
)

// transport is what the listeners speak, read from files before anything is
// made, so that a certificate that cannot work stops the start at once.
type transport struct {
	check, forward, api *certfile.Certificate // nil: plaintext
	callSecrets         []credential.Text
}

// openTransport reads the files that the settings name.
func openTransport(c config, p processes, logger *slog.Logger, registry prometheus.Registerer) (transport, error) {
	var t transport
	var err error
	if p&inData != 0 {
		if t.check, err = openTLS("check", c.CheckTLS, []string{"h2"}, logger, registry); err != nil {
			return t, err
		}
		if t.forward, err = openTLS("forward", c.ForwardTLS, []string{"h2", "http/1.1"}, logger, registry); err != nil {
			return t, err
		}
		if c.CallSecretFile != "" {
			if t.callSecrets, err = credential.LoadCallSecrets(c.CallSecretFile); err != nil {
				return t, fmt.Errorf("call-secret-file: %w", err)
			}
		}
	}
	if p&inControl != 0 {
		t.api, err = openTLS("api", c.APITLS, []string{"h2", "http/1.1"}, logger, registry)
	}
	return t, err
}

func openTLS(listener string, s tlsSettings, protocols []string, logger *slog.Logger, registry prometheus.Registerer) (*certfile.Certificate, error) {
	if s.Cert == "" && s.Key == "" && s.ClientCA == "" && len(s.ClientNames) == 0 {
		return nil, nil //nolint:nilnil // no certificate is a choice, not an error
	}
	if s.Cert == "" || s.Key == "" {
		return nil, usageError{fmt.Errorf("%[1]s-tls-cert and %[1]s-tls-key belong together: name both files, or neither for plaintext", listener)}
	}
	if s.ClientCA == "" && len(s.ClientNames) > 0 {
		return nil, usageError{fmt.Errorf("%[1]s-tls-client-names: nobody vouches for the names: name the authorities with %[1]s-tls-client-ca", listener)}
	}
	return certfile.Open(certfile.Options{
		Listener: listener, CertFile: s.Cert, KeyFile: s.Key, ClientCAFile: s.ClientCA, ClientNames: s.ClientNames,
		Protocols: protocols, Now: time.Now, Logger: logger, Registerer: registry,
	})
}

// clientTLS is what the environment tells the commands that are clients.
func clientTLS(variables map[string]string) certfile.ClientOptions {
	return certfile.ClientOptions{
		CAFile: variables["CREDENCE_TLS_CA"], CertFile: variables["CREDENCE_TLS_CERT"],
		KeyFile: variables["CREDENCE_TLS_KEY"], ServerName: variables["CREDENCE_TLS_SERVER_NAME"],
	}
}

// serverTLS is what a listener of the certificate speaks; nil is plaintext.
func serverTLS(c *certfile.Certificate) *tls.Config {
	if c == nil {
		return nil
	}
	return c.Config()
}
