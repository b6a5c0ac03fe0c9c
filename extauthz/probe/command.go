package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/store/certfile"
	"credence/store/credential"
)

// The exit codes of `credence check`.
const (
	ExitAllowed    = 0
	ExitRefused    = 1
	ExitUsage      = 2
	ExitUnanswered = 6
)

// The errors of the command, beside [ErrUnanswered].
var (
	ErrRefused = errors.New("refused")
	ErrUsage   = errors.New("a flag or value is wrong")
)

// usageError is an [ErrUsage] that says only what is wrong.
type usageError struct{ error }

// Is reports whether the target is ErrUsage.
func (usageError) Is(target error) bool { return target == ErrUsage }

// Unwrap answers the mistake.
func (e usageError) Unwrap() error { return e.error }

// Usage makes an [ErrUsage] of a mistake on the command line.
func Usage(mistake error) error { return usageError{mistake} }

// ExitCode is the exit code for an error of the command; ok is false when it
// is not one of ours.
func ExitCode(err error) (code int, ok bool) {
	switch {
	case errors.Is(err, ErrRefused):
		return ExitRefused, true
	case errors.Is(err, ErrUsage):
		return ExitUsage, true
	case errors.Is(err, ErrUnanswered):
		return ExitUnanswered, true
	}
	return 0, false
}

// Options is what package main knows of the world outside.
type Options struct {
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	DataDir string // CREDENCE_DATA_DIR
	// TLS are CREDENCE_TLS_CA, CREDENCE_TLS_CERT, CREDENCE_TLS_KEY and
	// CREDENCE_TLS_SERVER_NAME.
	TLS certfile.ClientOptions
	Now func() time.Time
}

// command holds the flags.
type command struct {
	Options
	connection Connection

	keyFile, key, keyHeader string
	method, path, host, ip  string
	headers, extensions     []string
	policy                  string
	output                  string
	timeout                 time.Duration
}

// Command makes `credence check`. It answers errors for [ExitCode] and prints
// none.
func Command(o Options) *cobra.Command {
	c := &command{Options: o, connection: Connection{DataDir: o.DataDir, TLS: o.TLS}}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "make one Check and explain the answer stage by stage",
		Long: `Makes one Check at the address that Envoy calls, as Envoy would for a request,
and explains the answer stage by stage. It is a real Check: it counts against
limits and quotas.

The Check address is --addr, or that of the process on the data folder
(--data-dir, CREDENCE_DATA_DIR or ./credence-data), or ` + defaultAddress + `.
The CREDENCE_TLS_ variables of the other commands count for --addr.

Exit codes:
  0  allowed
  1  refused
  2  a flag or value is wrong
  6  no answer: the server cannot be reached or failed`,
		Example: `  credence check --key-file key.txt --method GET --path /orders --ip 203.0.113.7
  credence check --key-file - --extension credence.scopes=orders:read < key.txt
  credence check --addr credence:9001 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key --key-file key.txt
  credence check --policy orders --key-file key.txt --path /orders
  credence check --path /public --extension credence.anonymous=allow -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("%d arguments given, none expected: everything is a flag", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: `%s --help` lists the flags", err, cmd.CommandPath())}
	})
	f := cmd.Flags()
	c.connection.AddFlags(f, "addr")
	f.StringVar(&c.keyFile, "key-file", "", "file with the key text, - for stdin; without one no key is sent")
	f.StringVar(&c.key, "key", "", "the key text itself; everybody who can list processes sees it, prefer --key-file")
	f.StringVar(&c.keyHeader, "key-header", "x-api-key", "header to send it in; in authorization it becomes a bearer token")
	f.StringVar(&c.method, "method", "GET", "method of the request")
	f.StringVar(&c.path, "path", "/", "path and query of the request")
	f.StringVar(&c.host, "host", "localhost", "host of the request")
	f.StringVar(&c.ip, "ip", "127.0.0.1", "address of the client, as the transport peer of the proxy")
	f.StringArrayVar(&c.headers, "header", nil, `header of the request, "name: value"; can be repeated`)
	f.StringArrayVar(&c.extensions, "extension", nil, "context extension of the route, name=value; can be repeated")
	f.StringVar(&c.policy, "policy", "", "stored route policy that the route names; short for --extension credence.policy=NAME")
	f.StringVarP(&c.output, "output", "o", "table", "table or json")
	f.DurationVar(&c.timeout, "timeout", 5*time.Second, "longest wait for the answer")
	return cmd
}

func (c *command) run(ctx context.Context) error {
	r, err := c.request()
	if err != nil {
		return usageError{err}
	}
	target, err := c.connection.Target(!r.Key.Empty())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	result, err := Check(ctx, target, r, c.Now)
	if err != nil {
		return err
	}
	if c.output == "json" {
		err = result.printJSON(c.Out)
	} else {
		err = result.printTable(c.Out)
	}
	if err == nil && !result.Allowed {
		err = fmt.Errorf("%w: %s", ErrRefused, printable(result.Reason))
	}
	return err
}

// request reads the flags, the key last: a mistake elsewhere should not wait
// for stdin.
func (c *command) request() (r Request, err error) {
	switch {
	case c.output != "table" && c.output != "json":
		return r, fmt.Errorf("--output %q: give table or json", c.output)
	case c.timeout <= 0:
		return r, fmt.Errorf("--timeout %s: give a positive time such as 5s", c.timeout)
	case c.key != "" && c.keyFile != "":
		return r, errors.New("--key and --key-file: give one of them")
	case c.keyHeader == "":
		return r, errors.New(`--key-header "": name the header, such as x-api-key`)
	}
	r = Request{KeyHeader: c.keyHeader, Method: c.method, Path: c.path, Host: c.host}
	if r.IP, err = netip.ParseAddr(c.ip); err != nil {
		return r, fmt.Errorf("--ip %q: give an address such as 203.0.113.7", c.ip)
	}
	if r.Headers, err = ParseHeaders(c.headers); err != nil {
		return r, err
	}
	if r.Extensions, err = split("--extension", c.extensions, "=", "name=value"); err != nil {
		return r, err
	}
	if c.policy != "" {
		r.Extensions = append(r.Extensions, Pair{"credence.policy", c.policy})
	}
	r.Key, err = c.readKey()
	return r, err
}

// ParseHeaders reads the values of --header.
func ParseHeaders(values []string) ([]Pair, error) {
	return split("--header", values, ":", `"name: value"`)
}

// split reads name and value of each. The value is not shown in the error: it
// may be a key.
func split(flag string, values []string, separator, form string) ([]Pair, error) {
	var all []Pair
	for i, v := range values {
		name, value, found := strings.Cut(v, separator)
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, fmt.Errorf("%s number %d: write it as %s", flag, i+1, form)
		}
		all = append(all, Pair{name, strings.TrimSpace(value)})
	}
	return all, nil
}

func (c *command) readKey() (credential.Text, error) {
	if c.key != "" {
		fmt.Fprintln(c.Err, "credence: --key can be seen by everybody who can list processes; prefer --key-file")
		return credential.NewText(c.key), nil
	}
	return ReadKeyFile(c.keyFile, c.In)
}

// ReadKeyFile reads the key text of --key-file; "-" is in, and "" no key.
func ReadKeyFile(file string, in io.Reader) (credential.Text, error) {
	switch file {
	case "":
		return credential.Text{}, nil
	case "-":
		return credential.ReadText(in)
	}
	f, err := os.Open(file) //nolint:gosec // the caller names the file
	if err != nil {
		return credential.Text{}, fmt.Errorf("--key-file: %w", err)
	}
	text, err := credential.ReadText(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return credential.Text{}, fmt.Errorf("--key-file %s: %w", file, err)
	}
	return text, nil
}
