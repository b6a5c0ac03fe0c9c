package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management/outgoing"
	"credence/test/authority"
)

// TestTheSettingsSayWhatIsReached, and whom to trust there.
func TestTheSettingsSayWhatIsReached(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority.CertificatePEM(server.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file    string
		environ []string
		args    []string
		refused string
	}{
		"nothing said":        {refused: "outgoing-allow"},
		"another network":     {args: []string{"--outgoing-allow", "10.0.0.0/8"}, refused: "outgoing-allow"},
		"no authority":        {args: []string{"--outgoing-allow", "127.0.0.0/8"}, refused: "certificate"},
		"flags":               {args: []string{"--outgoing-allow", "127.0.0.0/8", "--outgoing-ca", ca}},
		"variables":           {environ: []string{"CREDENCE_OUTGOING_ALLOW=10.0.0.0/8, 127.0.0.1", "CREDENCE_OUTGOING_CA=" + ca}},
		"a file with a list":  {file: "outgoing_allow: [10.0.0.0/8, " + server.Listener.Addr().String() + "]\noutgoing_ca: " + ca + "\n"},
		"a host at its port":  {args: []string{"--outgoing-allow", server.Listener.Addr().String(), "--outgoing-ca", ca}},
		"a host at another's": {args: []string{"--outgoing-allow", "127.0.0.1:1", "--outgoing-ca", ca}, refused: "outgoing-allow"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := load(t, test.file, test.environ, test.args)
			if err != nil {
				t.Fatal(err)
			}
			o, err := outgoingOptions(c.Outgoing)
			if err != nil {
				t.Fatal(err)
			}
			client := outgoing.NewClient(o)
			defer client.CloseIdleConnections()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := client.Do(r)
			if err == nil {
				_ = res.Body.Close() // not read
			}
			if (err != nil) != (test.refused != "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Errorf("got %v, want %q", err, test.refused)
			}
		})
	}
}

func TestAnAllowListThatCannotBeReadIsRefusedAtStart(t *testing.T) {
	_, _, err := load(t, "", []string{"CREDENCE_OUTGOING_ALLOW=*.internal"}, nil)
	if err == nil || !strings.Contains(err.Error(), "outgoing-allow (from variable CREDENCE_OUTGOING_ALLOW)") || !strings.Contains(err.Error(), "git.internal:3000") {
		t.Errorf("got %v", err)
	}
	if _, err := outgoingOptions(outgoingConfig{CA: filepath.Join(t.TempDir(), "none.pem")}); err == nil || !strings.Contains(err.Error(), "outgoing-ca") {
		t.Errorf("a file that is not there: %v", err)
	}
}
