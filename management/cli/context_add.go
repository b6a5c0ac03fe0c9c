package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/secretfile"
)

func contextAdd(c *command) *cobra.Command {
	var fromInput, replace, use bool
	cmd := &cobra.Command{
		Use: "add NAME --server URL", Short: "remember a server under a name",
		Long: `Remembers a server, the file with the token for it and the TLS files, so that
--context NAME stands for all of them. The first context becomes the current
one. With --token-stdin the token is read from standard input, and kept beside
the list of contexts in a file of mode 0600.`,
		Example: `  credence context add prod --server https://credence.example.com --token-file prod.token
  credence context add staging --server https://staging.example.com:8443 --tls-ca ca.pem --token-stdin`,
	}
	f := cmd.Flags()
	f.BoolVar(&fromInput, "token-stdin", false, "read the token from standard input and keep it")
	f.BoolVar(&replace, "replace", false, "take the place of a context of that name")
	f.BoolVar(&use, "use", false, "make it the current one")
	return c.local(cmd, 1, func(args []string) error {
		name := args[0]
		if err := contextName(name); err != nil {
			return err
		}
		all, err := c.readContexts()
		if err != nil {
			return err
		}
		if _, there := all.Contexts[name]; there && !replace {
			return conflict("context %q is there already: give another name, or --replace", name)
		}
		at, err := c.described(name, fromInput)
		if err != nil {
			return err
		}
		all.Contexts[name] = at
		if use || all.Current == "" {
			all.Current = name
		}
		if err := c.writeContexts(all); err != nil {
			return err
		}
		return c.done("context " + name + " added")
	})
}

// described is the context that the flags describe. What is wrong with it is
// said now, and not at its first use.
func (c *command) described(name string, fromInput bool) (place, error) {
	at := place{Server: c.server, TLSServerName: c.tls.ServerName, Plaintext: c.plaintext}
	for _, file := range []struct {
		given string
		to    *string
	}{{c.tokenFile, &at.TokenFile}, {c.tls.CAFile, &at.TLSCA}, {c.tls.CertFile, &at.TLSCert}, {c.tls.KeyFile, &at.TLSKey}} {
		if file.given == "" {
			continue
		}
		whole, err := filepath.Abs(file.given)
		if err != nil {
			return at, err
		}
		*file.to = whole
	}
	api, err := c.NewClient(client.Options{Server: at.Server, TLS: at.tls(c.tls), AllowPlaintext: at.Plaintext})
	if err != nil {
		return at, usage(fmt.Errorf("%w (flags --server, --tls-ca, --tls-cert, --tls-key, --insecure-plaintext)", err))
	}
	api.Close()
	switch {
	case fromInput && c.tokenFile != "":
		return at, usage(errors.New("--token-stdin and --token-file: give one of them"))
	case fromInput:
		at.TokenFile = c.tokenPath(name)
		return at, c.keepToken(at.TokenFile)
	case at.TokenFile != "":
		if _, err := tokenIn(at.TokenFile); err != nil {
			return at, noTokenError{fmt.Errorf("--token-file: %w", err)}
		}
		if err := onlyMine(at.TokenFile); err != nil {
			return at, usage(fmt.Errorf("--token-file: %w", err))
		}
	}
	return at, nil
}

// keepToken writes the token that stands at standard input into the file.
func (c *command) keepToken(file string) error {
	if c.ContextsFile == "" {
		return usage(errors.New("--token-stdin: there is no folder to keep the token in: name a file in CREDENCE_CONTEXTS"))
	}
	token, err := readToken(c.In)
	if err != nil {
		return noTokenError{fmt.Errorf("--token-stdin: %w", err)}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the token: %w", err)
	}
	if err := secretfile.Create(file, []byte(token.Reveal()+"\n")); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}
