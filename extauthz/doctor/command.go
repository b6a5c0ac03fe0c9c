package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/extauthz/probe"
	"credence/store/certfile"
)

// ExitProblems is the exit code when a problem was found. The others are those
// of `credence check`.
const ExitProblems = 8

// maxStatuses bounds the status ports that are asked.
const maxStatuses = 64

// ErrProblems says that a problem was found, and has been printed.
var ErrProblems = errors.New("problems were found")

// CommandOptions is what package main knows of the world outside.
type CommandOptions struct {
	In       io.Reader
	Out      io.Writer
	DataDir  string                 // CREDENCE_DATA_DIR
	TLS      certfile.ClientOptions // CREDENCE_TLS_...
	Resolver *net.Resolver          // nil: that of the system
	Now      func() time.Time
}

// command holds the flags.
type command struct {
	CommandOptions
	connection probe.Connection

	statuses           []string
	keyFile, keyHeader string
	ip                 string
	headers            []string
	output             string
	timeout            time.Duration
}

// Command makes `credence doctor`. Its errors are [ErrProblems], after the
// report has been printed, [probe.ErrUsage] and [probe.ErrUnanswered].
func Command(o CommandOptions) *cobra.Command {
	c := &command{CommandOptions: o, connection: probe.Connection{DataDir: o.DataDir, TLS: o.TLS}}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "look at a Check server from an Envoy's side and say what is wrong",
		Long: `Walks the path of a Check step by step - name, port, HTTP/2 or TLS, certificate,
health, call secret, the Check itself - at every address of the target, and says
for each problem what was observed, why it matters and what to do, with the
lines for Envoy. Run it where Envoy runs.

With --status-addr it also asks the status port of each replica: is it ready,
does its clock agree, does it read the change feed, what became of the Checks so
far? For a process on the data folder both addresses are known.

It makes a real Check: with --key-file one that must be allowed, without it one
for a route that lets requests without a key in.

Exit codes:
  0  no problem found
  2  a flag or value is wrong
  6  no target: nothing runs on the data folder
  8  problems were found`,
		Example: `  credence doctor
  credence doctor --target credence:9001 --status-addr credence-0:9003 --status-addr credence-1:9003
  credence doctor --target credence:9001 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key --key-file key.txt -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%d arguments given, none expected: everything is a flag", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w: `%s --help` lists the flags", err, cmd.CommandPath())
	})
	f := cmd.Flags()
	c.connection.AddFlags(f, "target")
	f.StringArrayVar(&c.statuses, "status-addr", nil, "status port of a replica, host:port; can be repeated")
	f.StringVar(&c.keyFile, "key-file", "", "file with the text of a key that must be allowed, - for stdin; without one no key is sent")
	f.StringVar(&c.keyHeader, "key-header", "x-api-key", "header to send it in; in authorization it becomes a bearer token")
	f.StringVar(&c.ip, "ip", "127.0.0.1", "address of the client that the Check claims")
	f.StringArrayVar(&c.headers, "header", nil, `header of the request that the Check claims, "name: value"; can be repeated`)
	f.StringVarP(&c.output, "output", "o", "table", "table or json")
	f.DurationVar(&c.timeout, "timeout", 3*time.Second, "longest wait at each step")
	return cmd
}

func usagef(format string, a ...any) error { return probe.Usage(fmt.Errorf(format, a...)) }

func (c *command) run(ctx context.Context) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	report := Examine(ctx, o)
	if c.output == "json" {
		err = report.printJSON(c.Out)
	} else {
		err = report.printTable(c.Out)
	}
	if err == nil && !report.Healthy {
		err = ErrProblems
	}
	return err
}

// options reads the flags, the key last: a mistake elsewhere should not wait
// for stdin.
func (c *command) options() (Options, error) {
	o := Options{
		Timeout: c.timeout, Resolver: c.Resolver, Now: c.Now, Statuses: c.statuses,
		Request: probe.Request{KeyHeader: c.keyHeader, Method: "GET", Path: "/", Host: "localhost"},
	}
	var err error
	switch {
	case c.output != "table" && c.output != "json":
		return o, usagef("--output %q: give table or json", c.output)
	case c.timeout <= 0:
		return o, usagef("--timeout %s: give a positive time such as 3s", c.timeout)
	case c.keyHeader == "":
		return o, usagef(`--key-header "": name the header, such as x-api-key`)
	case len(c.statuses) > maxStatuses:
		return o, usagef("--status-addr: given %d times, at most %d are asked", len(c.statuses), maxStatuses)
	}
	for _, one := range c.statuses {
		if _, _, err := net.SplitHostPort(one); err != nil {
			return o, usagef("--status-addr %q: write it as HOST:PORT", one)
		}
	}
	if o.Request.IP, err = netip.ParseAddr(c.ip); err != nil {
		return o, usagef("--ip %q: give an address such as 203.0.113.7", c.ip)
	}
	if o.Request.Headers, err = probe.ParseHeaders(c.headers); err != nil {
		return o, probe.Usage(err)
	}
	if o.Target, err = c.connection.Target(c.keyFile != ""); err != nil {
		return o, err
	}
	if _, _, err := net.SplitHostPort(o.Target.Address); err != nil && !strings.HasPrefix(o.Target.Address, "unix:") {
		return o, usagef("--target %q: write it as HOST:PORT or unix:PATH", o.Target.Address)
	}
	if one := c.connection.StatusAddress(); one != "" && len(c.statuses) == 0 {
		o.Statuses = []string{one}
	}
	if o.Request.Key, err = probe.ReadKeyFile(c.keyFile, c.In); err != nil {
		return o, probe.Usage(err)
	}
	if c.keyFile == "" { // so that it does not count among Checks that lack a key
		o.Request.Extensions = []probe.Pair{{Name: "credence.anonymous", Value: "allow"}}
	}
	return o, nil
}
