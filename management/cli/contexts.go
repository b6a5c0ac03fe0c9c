package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"go.yaml.in/yaml/v3"

	"credence/store/certfile"
	"credence/store/secretfile"
)

// contexts are the servers that a person works with, as the file holds them.
type contexts struct {
	Current  string           `yaml:"current,omitempty"`
	Contexts map[string]place `yaml:"contexts"`
}

// place is one of them: where it is, who asks, and whom to trust.
type place struct {
	Server        string `yaml:"server" json:"server"`
	TokenFile     string `yaml:"token_file,omitempty" json:"token_file,omitempty"`
	TLSCA         string `yaml:"tls_ca,omitempty" json:"tls_ca,omitempty"`
	TLSCert       string `yaml:"tls_cert,omitempty" json:"tls_cert,omitempty"`
	TLSKey        string `yaml:"tls_key,omitempty" json:"tls_key,omitempty"`
	TLSServerName string `yaml:"tls_server_name,omitempty" json:"tls_server_name,omitempty"`
	Plaintext     bool   `yaml:"insecure_plaintext,omitempty" json:"insecure_plaintext,omitempty"`
}

const (
	maxContexts     = 100
	maxContextsFile = 1 << 20
)

// readContexts reads the file; one that is not there holds none.
func (c *command) readContexts() (contexts, error) {
	empty := contexts{Contexts: map[string]place{}}
	if c.ContextsFile == "" {
		return empty, nil
	}
	f, err := os.Open(c.ContextsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("contexts: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(f, maxContextsFile+1))
	if err != nil {
		return empty, fmt.Errorf("contexts: %w", err)
	}
	if len(raw) > maxContextsFile {
		return empty, usage(fmt.Errorf("contexts: %s is longer than %d bytes: it is another file", c.ContextsFile, maxContextsFile))
	}
	all := empty
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil && !errors.Is(err, io.EOF) {
		return empty, usage(fmt.Errorf("contexts: %s: %w: mend it, or remove it and add the contexts again", c.ContextsFile, err))
	}
	if all.Contexts == nil {
		all.Contexts = map[string]place{}
	}
	return all, nil
}

// writeContexts replaces the file in one step; nobody else may read it.
func (c *command) writeContexts(all contexts) error {
	if c.ContextsFile == "" {
		return usage(errors.New("contexts: there is no folder for settings: name a file in CREDENCE_CONTEXTS"))
	}
	if len(all.Contexts) > maxContexts {
		return usage(fmt.Errorf("contexts: at most %d are kept: remove one that is not used", maxContexts))
	}
	raw, err := yaml.Marshal(all)
	if err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	dir := filepath.Dir(c.ContextsFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	if err := secretfile.Replace(c.ContextsFile, raw); err != nil {
		return fmt.Errorf("contexts: %w", err)
	}
	return nil
}

// named answers a context; "" answers the current one, if there is one.
func (all contexts) named(name string) (place, string, error) {
	if name == "" {
		name = all.Current
	}
	if name == "" {
		return place{}, "", nil
	}
	at, ok := all.Contexts[name]
	if !ok {
		return place{}, name, usage(fmt.Errorf("context %q: there is none of that name: `credence context list` shows those that there are", name))
	}
	return at, name, nil
}

func contextName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name) {
		return usage(fmt.Errorf("context %q: use 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit", name))
	}
	return nil
}

// chosenContext answers the context that says where the server is: the one that
// --context names, or, when neither flag nor variable names a server or data
// folder, that of CREDENCE_CONTEXT or the current one.
func (c *command) chosenContext() (at place, name string, err error) {
	if c.context != "" && (c.server != "" || c.dataDir != "") {
		return at, "", usage(errors.New("--context names the server: leave out --server and --data-dir, or --context"))
	}
	if c.context == "" && first(c.server, c.dataDir, c.Server, c.DataDir) != "" {
		return at, "", nil
	}
	all, err := c.readContexts()
	if err != nil {
		return at, "", err
	}
	return all.named(first(c.context, c.Context))
}

// tls are the files of the context, and the flags before them.
func (at place) tls(flags certfile.ClientOptions) certfile.ClientOptions {
	o := certfile.ClientOptions{
		CAFile: first(flags.CAFile, at.TLSCA), ServerName: first(flags.ServerName, at.TLSServerName),
		CertFile: flags.CertFile, KeyFile: flags.KeyFile,
	}
	if o.CertFile == "" && o.KeyFile == "" { // they belong together
		o.CertFile, o.KeyFile = at.TLSCert, at.TLSKey
	}
	return o
}

// onlyMine refuses a file with a token that others than its owner may use.
func onlyMine(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s: mode is %#o, so others may read the token; if nobody can have, run: chmod 600 %s", file, mode, file)
	}
	return nil
}

// tokenPath is where the token of a context is kept that was given by hand.
func (c *command) tokenPath(name string) string {
	return filepath.Join(filepath.Dir(c.ContextsFile), name+".token")
}
