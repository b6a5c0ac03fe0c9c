package certfile_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/store/certfile"
	"credence/test/authority"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return content
}

// Every way in which files are wrong in practice: the error names the file,
// the problem and the remedy, and shows nothing of the key.
func TestAStartWithWrongFilesFailsAndSaysWhatToDo(t *testing.T) {
	now := time.Now()
	issue := func(p *place, from, to time.Duration, usage x509.ExtKeyUsage) {
		p.authority.Issue(t, authority.Request{
			DNS: []string{"localhost"}, Usage: usage, NotBefore: now.Add(from), NotAfter: now.Add(to),
		}).Files(t, p.folder, "server")
	}
	for name, c := range map[string]struct {
		spoil func(p *place)
		want  []string
	}{
		"expired": {
			func(p *place) { issue(p, -2*time.Hour, -time.Hour, x509.ExtKeyUsageServerAuth) },
			[]string{"server.pem", "expired at " + now.Add(-time.Hour).UTC().Format(time.RFC3339), "renew"},
		},
		"not yet valid": {
			func(p *place) { issue(p, time.Hour, 2*time.Hour, x509.ExtKeyUsageServerAuth) },
			[]string{"server.pem", "not valid before " + now.Add(time.Hour).UTC().Format(time.RFC3339), "clock"},
		},
		"for clients": {
			func(p *place) { issue(p, -time.Hour, time.Hour, x509.ExtKeyUsageClientAuth) },
			[]string{"server.pem", "not meant for servers", "serverAuth"},
		},
		"expired in the chain": {
			func(p *place) {
				chain := append(read(t, p.options.CertFile), p.authority.Issue(t, authority.Request{
					Usage: x509.ExtKeyUsageServerAuth, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour),
				}).Certificate...)
				authority.Write(t, p.options.CertFile, chain, 0o644)
			},
			[]string{"server.pem", "certificate number 2", "expired"},
		},
		"key of another certificate": {
			func(p *place) {
				authority.Write(t, p.options.KeyFile, p.authority.Server(t, now).Key, 0o600)
			},
			[]string{"server.key", "does not match", "server.pem"},
		},
		"authority before the certificate": {
			func(p *place) {
				authority.Write(t, p.options.CertFile, append(read(t, p.authority.File), read(t, p.options.CertFile)...), 0o644)
			},
			[]string{"server.key", "does not match", "stand before those of its authorities"},
		},
		"key that everybody may read": {
			func(p *place) { must(t, os.Chmod(p.options.KeyFile, 0o644)) },
			[]string{"server.key", "mode is 0644", "chmod 640"},
		},
		"key with a password": {
			func(p *place) {
				authority.Write(t, p.options.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), 0o600)
			},
			[]string{"server.key", "encrypted with a password", "openssl pkey"},
		},
		"key and certificate exchanged": {
			func(p *place) {
				p.options.CertFile, p.options.KeyFile = p.options.KeyFile, p.options.CertFile
				must(t, os.Chmod(p.options.KeyFile, 0o600))
			},
			[]string{"server.key", "holds no certificate in PEM form", "right file"},
		},
		"certificate is missing": {
			func(p *place) { must(t, os.Remove(p.options.CertFile)) },
			[]string{"server.pem", "no such file", "name the right file"},
		},
		"key is missing": {
			func(p *place) { must(t, os.Remove(p.options.KeyFile)) },
			[]string{"server.key", "no such file", "name the right file"},
		},
		"certificate is a folder": {
			func(p *place) { p.options.CertFile = p.folder },
			[]string{p0, "not a regular file"},
		},
		"certificate is damaged": {
			func(p *place) {
				authority.Write(t, p.options.CertFile, authority.CertificatePEM([]byte("damaged")), 0o644)
			},
			[]string{"server.pem", "certificate number 1", "get the file anew"},
		},
		"certificate is too large": {
			func(p *place) { authority.Write(t, p.options.CertFile, make([]byte, 1<<20+1), 0o644) },
			[]string{"server.pem", "larger than"},
		},
		"no authority of clients": {
			func(p *place) { p.options.ClientCAFile = filepath.Join(p.folder, "clients.pem") },
			[]string{"clients.pem", "no such file"},
		},
		"authorities of clients are empty": {
			func(p *place) {
				p.options.ClientCAFile = filepath.Join(p.folder, "clients.pem")
				authority.Write(t, p.options.ClientCAFile, []byte("# none\n"), 0o644)
			},
			[]string{"clients.pem", "holds no certificate", "right file"},
		},
		"authorities of clients have expired": {
			func(p *place) {
				p.options.ClientCAFile = authority.New(t, now.AddDate(-20, 0, 0)).File
			},
			[]string{"ca.pem", "every certificate in it has expired", "authorities of today"},
		},
		"names without authority":  {func(p *place) { p.options.ClientNames = []string{"envoy"} }, []string{"names of clients", "vouch"}},
		"an empty name":            {func(p *place) { p.options.ClientNames, p.options.ClientCAFile = []string{""}, p.authority.File }, []string{"names of clients", "empty"}},
		"a certificate and no key": {func(p *place) { p.options.KeyFile = "" }, []string{"belong together"}},
		"no listener":              {func(p *place) { p.options.Listener = "" }, []string{"Listener"}},
		"no protocols":             {func(p *place) { p.options.Protocols = nil }, []string{"Protocols"}},
		"negative poll":            {func(p *place) { p.options.Poll = -1 }, []string{"Poll"}},
		"no clock":                 {func(p *place) { p.options.Now = nil }, []string{"Now"}},
		"no logger":                {func(p *place) { p.options.Logger = nil }, []string{"Logger"}},
		"no registerer":            {func(p *place) { p.options.Registerer = nil }, []string{"Registerer"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			private := string(read(t, p.options.KeyFile))
			c.spoil(p)
			_, err := certfile.Open(p.options)
			if err == nil {
				t.Fatal("opened")
			}
			for _, want := range c.want {
				if want == p0 {
					want = p.folder
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
			if !strings.HasPrefix(err.Error(), "TLS of ") || strings.Contains(err.Error(), private[30:60]) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// p0 stands for the folder of the test in the table above.
const p0 = "(folder)"

func TestAnExpiredAuthorityBesideAGoodOneDoesNoHarm(t *testing.T) {
	p := newPlace(t)
	p.options.ClientCAFile = filepath.Join(p.folder, "clients.pem")
	old := authority.New(t, time.Now().AddDate(-20, 0, 0))
	authority.Write(t, p.options.ClientCAFile, append(read(t, old.File), read(t, p.authority.File)...), 0o644)
	client := p.authority.Client(t, time.Now(), "envoy")
	if _, serverErr, clientErr := handshake(t, p.open(t).Config(), p.client(t, &client)); serverErr != nil || clientErr != nil {
		t.Errorf("refused: %v, %v", serverErr, clientErr)
	}
}

func TestAClientWithWrongFilesSaysWhatToDo(t *testing.T) {
	p := newPlace(t)
	empty := filepath.Join(p.folder, "empty.pem")
	authority.Write(t, empty, nil, 0o644)
	for name, c := range map[string]struct {
		options certfile.ClientOptions
		want    string
	}{
		"certificate alone":   {certfile.ClientOptions{CertFile: p.options.CertFile}, "belong together"},
		"key alone":           {certfile.ClientOptions{KeyFile: p.options.KeyFile}, "belong together"},
		"no such authorities": {certfile.ClientOptions{CAFile: empty + "x"}, "empty.pemx"},
		"empty authorities":   {certfile.ClientOptions{CAFile: empty}, "empty.pem: holds no certificate"},
		"no such certificate": {certfile.ClientOptions{CertFile: empty + "x", KeyFile: p.options.KeyFile}, "empty.pemx"},
		"no such key":         {certfile.ClientOptions{CertFile: p.options.CertFile, KeyFile: empty + "x"}, "empty.pemx"},
		"another key":         {certfile.ClientOptions{CertFile: p.authority.File, KeyFile: p.options.KeyFile}, "does not match"},
	} {
		if _, err := c.options.Config(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if !c.options.Given() {
			t.Errorf("%s: not given", name)
		}
	}
	config, err := certfile.ClientOptions{}.Config()
	must(t, err)
	if config.RootCAs != nil || len(config.Certificates) != 0 || (certfile.ClientOptions{}).Given() {
		t.Error("without options: not the system's authorities, or a certificate")
	}
}
