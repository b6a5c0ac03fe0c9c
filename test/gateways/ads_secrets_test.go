package gateways

import (
	"os"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"credence/test/authority"
)

// checkName is the name that Envoys of envoy/gateway demand of Credence.
const checkName = "credence-extauthz.credence.svc"

// Names under which Envoy Gateway serves the certificates that
// envoy/gateway/credence.yaml and gateway.yaml name.
const (
	trustedSecret = "credence-extauthz/credence-ca"
	clientSecret  = "envoy-gateway-system/credence-check-client"
)

func newAuthority(t *testing.T) *authority.Authority {
	t.Helper()
	return authority.New(t, time.Now())
}

// secrets are what Envoy Gateway reads from the cluster and serves: the
// authority that Credence must be signed by, and Envoy's own certificate.
func secrets(t *testing.T, signs *authority.Authority) []*tlsv3.Secret {
	t.Helper()
	trusted, err := os.ReadFile(signs.File)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := signs.Client(t, time.Now(), "envoy").Files(t, t.TempDir(), "envoy")
	return []*tlsv3.Secret{
		{Name: trustedSecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: inline(trusted),
		}}},
		{Name: clientSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: file(certificate), PrivateKey: file(key),
		}}},
	}
}

func inline(text []byte) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: text}}
}

func file(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
