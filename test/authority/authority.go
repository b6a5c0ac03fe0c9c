// Package authority makes certificates for tests: an authority of its own for
// each test, and certificates signed by it, as PEM files like those an
// operator has. Nothing here is for production.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	File string // PEM of its own certificate

	certificate *x509.Certificate
	private     *ecdsa.PrivateKey
}

// New makes an authority that is valid from a day before now for ten years.
func New(tb testing.TB, now time.Time) *Authority {
	tb.Helper()
	private := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: "authority of " + tb.Name()},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(tb, err)
	certificate, err := x509.ParseCertificate(der)
	must(tb, err)
	a := &Authority{certificate: certificate, private: private, File: filepath.Join(tb.TempDir(), "ca.pem")}
	Write(tb, a.File, CertificatePEM(der), 0o644)
	return a
}

// Request says what a certificate is for.
type Request struct {
	DNS       []string // names of a server, or of a client
	URI       string   // such as a SPIFFE ID
	NotBefore time.Time
	NotAfter  time.Time
	Usage     x509.ExtKeyUsage
}

// Issued is a certificate and its key, as PEM.
type Issued struct{ Certificate, Key []byte }

// Issue signs a certificate. It is always for 127.0.0.1 too.
func (a *Authority) Issue(tb testing.TB, r Request) Issued {
	tb.Helper()
	private := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: tb.Name()},
		NotBefore: r.NotBefore, NotAfter: r.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{r.Usage}, DNSNames: r.DNS, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if r.URI != "" {
		uri, err := url.Parse(r.URI)
		must(tb, err)
		template.URIs = []*url.URL{uri}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.private)
	must(tb, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	must(tb, err)
	return Issued{
		Certificate: CertificatePEM(der),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
}

// Server signs a certificate for "localhost" and the names, valid for a day
// around now.
func (a *Authority) Server(tb testing.TB, now time.Time, names ...string) Issued {
	tb.Helper()
	return a.Issue(tb, Request{
		DNS: append([]string{"localhost"}, names...), Usage: x509.ExtKeyUsageServerAuth,
		NotBefore: now.Add(-12 * time.Hour), NotAfter: now.Add(12 * time.Hour),
	})
}

// Client signs a certificate for a client of that name, valid for a day around
// now.
func (a *Authority) Client(tb testing.TB, now time.Time, name string) Issued {
	tb.Helper()
	return a.Issue(tb, Request{
		DNS: []string{name}, URI: "spiffe://test/" + name, Usage: x509.ExtKeyUsageClientAuth,
		NotBefore: now.Add(-12 * time.Hour), NotAfter: now.Add(12 * time.Hour),
	})
}

// Files writes both into the folder, as NAME.pem and NAME.key.
func (i Issued) Files(tb testing.TB, folder, name string) (certFile, keyFile string) {
	tb.Helper()
	certFile, keyFile = filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key")
	Write(tb, certFile, i.Certificate, 0o644)
	Write(tb, keyFile, i.Key, 0o600)
	return certFile, keyFile
}

// Write replaces a file in one step, as whoever renews certificates should.
func Write(tb testing.TB, path string, content []byte, mode os.FileMode) {
	tb.Helper()
	must(tb, os.WriteFile(path+".new", content, mode))
	must(tb, os.Chmod(path+".new", mode))
	must(tb, os.Rename(path+".new", path))
}

// CertificatePEM is the PEM form of a certificate.
func CertificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(tb, err)
	return private
}

func serial(tb testing.TB) *big.Int {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(tb, err)
	return n
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Pool is the authority, for a client that trusts it.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}
