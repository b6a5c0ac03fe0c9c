package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/credentials"

	"credence/test/redisserver"
)

// settings compares what an operator can switch on and off, each with one key
// in the cache.
func (b *bench) settings(ctx context.Context) error {
	base, err := b.noopSubject(ctx, "noop", false)
	if err != nil {
		return err
	}
	server, err := redisserver.StartIn(ctx, b.folder)
	if err != nil {
		return err
	}
	b.stops = append(b.stops, server.Close)
	shared := server.Address()
	subjects := []*subject{base}
	for _, s := range []struct {
		name  string
		flags []string
	}{
		{"local limits, as it comes", nil},
		{"grpc-go as transport", []string{"--check-transport", "grpc"}},
		{"no metadata", []string{"--metadata-fields", "none"}},
		{"key id alone", []string{"--identity-headers", "key-id", "--metadata-fields", "none", "--ratelimit-headers=false"}},
		{"every Check logged", []string{"--log-checks", "--log-level", "info"}},
		{"Redis, leased limits", []string{"--redis", shared}},
		{"Redis, exact limits", []string{"--redis", shared, "--limiter", "exact"}},
		{"Unix socket", []string{"--check-addr", "unix:" + filepath.Join(b.folder, "check.sock")}},
	} {
		one, err := b.replicaSubject(ctx, s.name, 1, s.flags...)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		subjects = append(subjects, one)
	}
	secured, err := b.tlsSubject(ctx)
	if err != nil {
		return err
	}
	subjects = append(subjects, secured)
	if err := b.alternate(ctx, subjects); err != nil {
		return err
	}
	return b.table(subjects)
}

// tlsSubject is the server behind TLS with a certificate of its own making.
func (b *bench) tlsSubject(ctx context.Context) (*subject, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	certFile, keyFile := filepath.Join(b.folder, "check.crt"), filepath.Join(b.folder, "check.key")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	err = errors.Join(os.WriteFile(certFile, public, 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(public)
	b.creds = credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})
	defer func() { b.creds = nil }()
	return b.replicaSubject(ctx, "TLS", 1, "--check-tls-cert", certFile, "--check-tls-key", keyFile)
}
