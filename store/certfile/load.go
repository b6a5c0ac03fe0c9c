package certfile

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"credence/store/secretfile"
)

// maxFile is the largest file that is read: the authorities of a whole system
// are a quarter of it.
const maxFile = 1 << 20

// suites are those of TLS 1.2 with forward secrecy and authenticated
// encryption; Go does not let the ones of TLS 1.3 be chosen.
func suites() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// load reads the files and checks everything about them.
func (c *Certificate) load() (*loaded, error) {
	o, now := &c.options, c.options.Now()
	chain, err := readPEM(o.CertFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	private, err := secretfile.Read(o.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	pair, certificates, err := pairOf(o.CertFile, chain, o.KeyFile, private)
	if err != nil {
		return nil, err
	}
	if err := serves(certificates, now); err != nil {
		return nil, fmt.Errorf("certificate: %s: %w", o.CertFile, err)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites(), NextProtos: o.Protocols,
		Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true, Time: o.Now,
	}
	sum := sha256.New()
	sum.Write(chain)
	sum.Write(private)
	if o.ClientCAFile != "" {
		authorities, err := readPEM(o.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("authorities of clients: %w", err)
		}
		sum.Write(authorities)
		if config.ClientCAs, err = pool(authorities, now); err != nil {
			return nil, fmt.Errorf("authorities of clients: %s: %w", o.ClientCAFile, err)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.VerifyConnection = o.knowsClient
	}
	l := &loaded{config: config, begins: certificates[0].NotBefore, ends: firstEnd(certificates)}
	sum.Sum(l.content[:0])
	return l, nil
}

// knowsClient refuses clients that bear none of the names. The certificate has
// been verified by then.
func (o *Options) knowsClient(state tls.ConnectionState) error {
	if len(o.ClientNames) == 0 {
		return nil
	}
	if len(state.PeerCertificates) > 0 {
		client := state.PeerCertificates[0]
		for _, name := range o.ClientNames {
			if slices.Contains(client.DNSNames, name) {
				return nil
			}
			for _, uri := range client.URIs {
				if uri.String() == name {
					return nil
				}
			}
		}
	}
	return errors.New("the client's certificate bears none of the names that are let in")
}

// readPEM reads a file that is no secret.
func readPEM(path string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file: name the file itself", path)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(path) //nolint:gosec // the operator names the file on purpose
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes: name a file with certificates in PEM form", path, maxFile)
	}
	return content, nil
}

func unreadable(path string, err error) error {
	cause := err
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pathErr.Err
	}
	remedy := "check the disk"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		remedy = "name the right file"
	case errors.Is(err, fs.ErrPermission):
		remedy = "let the user that runs this program read it and its folder"
	}
	return fmt.Errorf("%s: %w: %s", path, cause, remedy)
}

// pairOf puts certificate and key together.
func pairOf(certFile string, chain []byte, keyFile string, private []byte) (tls.Certificate, []*x509.Certificate, error) {
	certificates, err := parse(chain)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("certificate: %s: %w", certFile, err)
	}
	if encrypted(private) {
		return tls.Certificate{}, nil, fmt.Errorf("private key: %s: is encrypted with a password: "+
			"store it unencrypted with mode 0600 (openssl pkey -in OLD -out NEW)", keyFile)
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("private key: %s: %s: give the key that %s was made with, "+
			"and let the certificate stand before those of its authorities",
			keyFile, strings.TrimPrefix(err.Error(), "tls: "), certFile)
	}
	return pair, certificates, nil
}

// encrypted reports whether the key needs a password (RFC 5958, RFC 1421).
func encrypted(private []byte) bool {
	for block, rest := pem.Decode(private); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

// parse reads every certificate; other blocks are passed over.
func parse(content []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate number %d: %s: get the file anew", len(all)+1, strings.TrimPrefix(err.Error(), "x509: "))
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no certificate in PEM form (-----BEGIN CERTIFICATE-----): name the right file")
	}
	return all, nil
}

// serves refuses a chain that every client would refuse now.
func serves(chain []*x509.Certificate, now time.Time) error {
	for i, one := range chain {
		which := fmt.Sprintf("certificate number %d (%s)", i+1, one.Subject)
		if now.Before(one.NotBefore) {
			return fmt.Errorf("%s is not valid before %s: check the clock of this machine, or get one that is valid now",
				which, one.NotBefore.UTC().Format(time.RFC3339))
		}
		if now.After(one.NotAfter) {
			return fmt.Errorf("%s expired at %s: renew it", which, one.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	leaf := chain[0]
	anything := len(leaf.ExtKeyUsage) == 0 && len(leaf.UnknownExtKeyUsage) == 0
	if !anything && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return errors.New("is not meant for servers: get one with the extended key usage serverAuth")
	}
	return nil
}

// pool makes the set of authorities. Those that have ended are of no use and
// do no harm, as long as one is left.
func pool(content []byte, now time.Time) (*x509.CertPool, error) {
	all, err := parse(content)
	if err != nil {
		return nil, err
	}
	p, usable := x509.NewCertPool(), false
	for _, one := range all {
		p.AddCert(one)
		usable = usable || !now.After(one.NotAfter)
	}
	if !usable {
		return nil, fmt.Errorf("every certificate in it has expired, the last one at %s: get the authorities of today",
			lastEnd(all).UTC().Format(time.RFC3339))
	}
	return p, nil
}

func firstEnd(all []*x509.Certificate) time.Time {
	return slices.MinFunc(all, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}

func lastEnd(all []*x509.Certificate) time.Time {
	return slices.MaxFunc(all, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
}
