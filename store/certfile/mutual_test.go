package certfile_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"credence/test/authority"
)

func TestMutualTLSAnswersKnownClientsAndNobodyElse(t *testing.T) {
	p := newPlace(t)
	p.options.ClientCAFile = p.authority.File
	stranger := authority.New(t, time.Now())
	now := time.Now()
	expired := p.authority.Issue(t, authority.Request{
		DNS: []string{"envoy"}, Usage: x509.ExtKeyUsageClientAuth, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour),
	})
	known, other := p.authority.Client(t, now, "envoy"), p.authority.Client(t, now, "intern")
	unknown, server := stranger.Client(t, now, "envoy"), p.authority.Server(t, now, "envoy")
	for _, c := range []struct {
		name    string
		shows   *authority.Issued
		names   []string
		refused string // part of what the server says
	}{
		{"known", &known, nil, ""},
		{"known by DNS name", &known, []string{"other", "envoy"}, ""},
		{"known by URI", &known, []string{"spiffe://test/envoy"}, ""},
		{"vouched for, another name", &other, []string{"envoy", "spiffe://test/envoy"}, "none of the names"},
		{"no certificate", nil, nil, "didn't provide a certificate"},
		{"of a stranger", &unknown, nil, "unknown authority"},
		{"of a stranger with the right name", &unknown, []string{"envoy"}, "unknown authority"},
		{"expired", &expired, nil, "expired"},
		{"a server's", &server, nil, "incompatible key usage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := *p
			own.options.ClientNames, own.options.Listener = c.names, c.name
			opened := own.open(t)
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				client := p.client(t, c.shows)
				client.MinVersion, client.MaxVersion = version, version
				_, serverErr, clientErr := handshake(t, opened.Config(), client)
				switch {
				case c.refused == "" && (serverErr != nil || clientErr != nil):
					t.Errorf("%s: refused: %v, %v", tls.VersionName(version), serverErr, clientErr)
				case c.refused != "" && (serverErr == nil || clientErr == nil || !strings.Contains(serverErr.Error(), c.refused)):
					t.Errorf("%s: server %v, client %v, want %q", tls.VersionName(version), serverErr, clientErr, c.refused)
				}
			}
		})
	}
}

func TestAnAuthorityTakenAwayIsNotTrustedByNewConnections(t *testing.T) {
	p := newPlace(t)
	former := authority.New(t, time.Now())
	client := former.Client(t, time.Now(), "envoy")
	p.options.ClientCAFile = p.folder + "/clients.pem"
	authority.Write(t, p.options.ClientCAFile, append(read(t, p.authority.File), read(t, former.File)...), 0o644)
	c := p.open(t)
	// One client for both, so that it could resume its session.
	config := p.client(t, &client)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	if _, serverErr, clientErr := handshake(t, c.Config(), config); serverErr != nil || clientErr != nil {
		t.Fatalf("before: %v, %v", serverErr, clientErr)
	}
	authority.Write(t, p.options.ClientCAFile, read(t, p.authority.File), 0o644)
	if changed, err := c.Reload(t.Context()); !changed || err != nil {
		t.Fatalf("reload says %t, %v", changed, err)
	}
	if _, serverErr, clientErr := handshake(t, c.Config(), config); serverErr == nil || clientErr == nil {
		t.Errorf("after: %v, %v", serverErr, clientErr)
	}
}

func TestOldVersionsAndWeakSuitesAreRefused(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	for name, weaken := range map[string]func(*tls.Config){
		"TLS 1.1": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"CBC": func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		},
	} {
		config := p.client(t, nil)
		weaken(config)
		if _, serverErr, clientErr := handshake(t, c.Config(), config); serverErr == nil || clientErr == nil {
			t.Errorf("%s: %v, %v", name, serverErr, clientErr)
		}
	}
	state, _, _ := handshake(t, c.Config(), p.client(t, nil))
	if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "h2" {
		t.Errorf("preferred: %s, %q", tls.VersionName(state.Version), state.NegotiatedProtocol)
	}
}

func TestAClientRefusesServersItCannotBeSureOf(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	config := p.client(t, nil)
	config.ServerName = "credence.example.com"
	if _, _, err := handshake(t, c.Config(), config); err == nil || !strings.Contains(err.Error(), "not credence.example.com") {
		t.Errorf("another name: %v", err)
	}
	p.authority = authority.New(t, time.Now())
	if _, _, err := handshake(t, c.Config(), p.client(t, nil)); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("another authority: %v", err)
	}
}
