package probe_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"credence/extauthz/probe"
	"credence/store/certfile"
	"credence/test/authority"
)

// TestVariablesCountForAServerThatWasNamed, as they do for the other commands:
// not for the process on the data folder, not where a flag says otherwise.
func TestVariablesCountForAServerThatWasNamed(t *testing.T) {
	signs, stranger := authority.New(t, time.Now()), authority.New(t, time.Now())
	secured, plain := guarded(t, signs), guarded(t, nil)
	certFile, keyFile := signs.Client(t, time.Now(), "probe").Files(t, t.TempDir(), "client")
	secretFile, folder := filepath.Join(t.TempDir(), "call.secrets"), t.TempDir()
	must(t, os.WriteFile(secretFile, []byte(callSecret+"\n"), 0o600))
	content, err := json.Marshal(map[string]string{"check": plain})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "addresses.json"), content, 0o600))
	variables := certfile.ClientOptions{CAFile: signs.File, CertFile: certFile, KeyFile: keyFile}
	foreign := certfile.ClientOptions{CAFile: stranger.File}

	for name, c := range map[string]struct {
		variables certfile.ClientOptions
		args      []string
		want      string
	}{
		"all of them":        {variables, []string{"--addr", secured}, ""},
		"a flag wins":        {variables, []string{"--addr", secured, "--tls-ca", stranger.File}, "--tls-ca"},
		"a flag mends":       {foreign, []string{"--addr", secured, "--tls-ca", signs.File, "--tls-cert", certFile, "--tls-key", keyFile}, ""},
		"plaintext is named": {variables, []string{"--addr", plain}, "speaks no TLS"},
		"not wanted":         {variables, []string{"--addr", plain, "--tls=false"}, ""},
		"the data folder":    {variables, []string{"--data-dir", folder}, ""},
		"contradiction":      {variables, []string{"--addr", plain, "--tls=false", "--tls-ca", signs.File}, "leave out one"},
	} {
		var out bytes.Buffer
		cmd := probe.Command(probe.Options{In: strings.NewReader(""), Out: &out, Err: &out, TLS: c.variables, Now: time.Now})
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append(c.args, "--call-secret-file", secretFile))
		err := cmd.ExecuteContext(t.Context())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if c.want == "leave out one" && !errors.Is(err, probe.ErrUsage) {
			t.Errorf("%s: no usage error: %v", name, err)
		}
	}
}
