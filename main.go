// Command credence issues API keys and checks them on the request path of
// Envoy. One binary holds both planes and the command line; see README.md for
// the tour and docs/architecture.md for the map.
//
// main.go is the table of commands, settings.go what an operator can set,
// config.go how it is read from file, variables and flags,
// wire.go how the parts are put together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/extauthz"
	"credence/extauthz/doctor"
	"credence/extauthz/drill"
	"credence/extauthz/probe"
	"credence/management/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], process{os.Stdin, os.Stdout, os.Stderr, os.Environ()})
	stop()
	os.Exit(code)
}

// process is what a command gets of the world outside.
type process struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ []string
}

// usageError is the caller's mistake: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// unavailableError is something that may work later: exit code 6.
type unavailableError struct{ error }

func (e unavailableError) Unwrap() error { return e.error }

// run executes one command line and answers the exit code.
func run(ctx context.Context, args []string, p process) int {
	root := rootCommand(p) //nolint:contextcheck // cobra hands the context to each command
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	return report(p.err, root.ExecuteContext(ctx))
}

// report writes the error once and turns it into an exit code. A refused
// Check has been printed already.
func report(w io.Writer, err error) int {
	if err == nil {
		return cli.ExitOK
	}
	if errors.Is(err, drill.ErrUsage) {
		err = usageError{err}
	}
	if errors.Is(err, drill.ErrUnanswered) {
		err = unavailableError{err}
	}
	if errors.Is(err, doctor.ErrProblems) { // printed already, too
		return doctor.ExitProblems
	}
	code, isProbe := probe.ExitCode(err)
	if errors.Is(err, probe.ErrRefused) {
		return code
	}
	fmt.Fprintf(w, "credence: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return cli.ExitUsage
	}
	if _, ok := errors.AsType[unavailableError](err); ok {
		return cli.ExitUnavailable
	}
	if isProbe {
		return code
	}
	return cli.ExitCode(err)
}

func rootCommand(p process) *cobra.Command {
	root := &cobra.Command{
		Use:   "credence",
		Short: "API keys for Envoy: issue them, check them, take them back",
		Long: `Credence issues API keys and checks them on the request path of Envoy.

  credence serve            both planes in one process on an embedded database
  credence keys create ...  the command line, a client of the management API
  credence check ...        one Check, explained stage by stage
  credence doctor ...       what is wrong between an Envoy and Credence`,
		Example: `  credence serve
  credence keys create --name orders --scope orders:read --limit 10/s --expires 720h
  credence blacklist add 203.0.113.0/24 --for 1h --reason "key scan"`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	group(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: `%s --help` lists the flags", err, cmd.CommandPath())}
	})
	root.AddCommand(serveCommand(p), extauthzCommand(p), managementCommand(p), migrateCommand(p), secretsCommand(p),
		configCommand(p), versionCommand(p), checkCommand(p), doctorCommand(p), readyCommand(p), drillCommand(p))
	variables := environment(p.environ)
	root.AddCommand(cli.Commands(cli.Options{
		In: p.in, Out: p.out, Err: p.err, Now: time.Now,
		Server: variables["CREDENCE_SERVER"], Token: variables["CREDENCE_TOKEN"], DataDir: variables["CREDENCE_DATA_DIR"],
		Context: variables["CREDENCE_CONTEXT"], ContextsFile: contextsFile(p.environ), NoColour: noColour(p.environ),
		TLS: clientTLS(variables), Objects: heldObjects,
	})...)
	for _, noun := range root.Commands() {
		if noun.Name() == "tokens" {
			noun.AddCommand(atTheDatabase(bootstrapCommand(p)), atTheDatabase(recoverCommand(p)))
		}
	}
	completionExamples(root)
	return root
}

// variable is one of the environment; "" is as good as none.
func variable(environ []string, name string) string {
	for _, e := range slices.Backward(environ) { // the last of a name counts
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// contextsFile is where the CLI keeps its contexts: in the person's folder for
// settings (XDG), unless said otherwise.
func contextsFile(environ []string) string {
	if file := variable(environ, "CREDENCE_CONTEXTS"); file != "" {
		return file
	}
	folder := variable(environ, "XDG_CONFIG_HOME")
	if home := variable(environ, "HOME"); folder == "" && home != "" {
		folder = filepath.Join(home, ".config")
	}
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, "credence", "contexts.yaml")
}

// noColour is what a person says to every program (no-color.org).
func noColour(environ []string) bool {
	return variable(environ, "NO_COLOR") != "" || variable(environ, "TERM") == "dumb"
}

// completionExamples gives the commands that cobra makes what ours have.
func completionExamples(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	examples := map[string]string{
		"completion": "  credence completion bash > /etc/bash_completion.d/credence",
		"bash":       "  source <(credence completion bash)",
		"zsh":        `  credence completion zsh > "${fpath[1]}/_credence"`,
		"fish":       "  credence completion fish > ~/.config/fish/completions/credence.fish",
		"powershell": "  credence completion powershell | Out-String | Invoke-Expression",
		"help":       "  credence help keys create",
	}
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" && cmd.Name() != "help" {
			continue
		}
		cmd.Example = examples[cmd.Name()]
		for _, shell := range cmd.Commands() {
			shell.Example = examples[shell.Name()]
		}
	}
}

// group makes a command one that only holds others: without one of them it
// prints its help, with an unknown one it says so.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usageError{fmt.Errorf("unknown command %q; did you mean %q?", args[0], near[0])}
		}
		return usageError{fmt.Errorf("unknown command %q: `%s --help` lists them", args[0], cmd.CommandPath())}
	}
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%q: `%s` takes no arguments; its --help lists the flags", args[0], cmd.CommandPath())}
	}
	return nil
}

// configured is a command that reads the configuration.
func configured(p process, in processes, cmd *cobra.Command, runIt func(cmd *cobra.Command, c config, origins []origin) error) *cobra.Command {
	var file string
	cmd.Args = noArguments
	cmd.Flags().StringVar(&file, "config", "", "configuration file (default ./credence.yaml when there is one)")
	addSettings(cmd.Flags(), in)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			file = environment(p.environ)["CREDENCE_CONFIG"]
		}
		c, origins, err := loadConfig(cmd.Flags(), file, p.environ)
		if err != nil {
			return err
		}
		return runIt(cmd, c, origins)
	}
	return cmd
}

// addSettings makes a flag of each setting that the command has.
func addSettings(flags *pflag.FlagSet, in processes) {
	for _, s := range settings() {
		if s.in&in == 0 {
			continue
		}
		flags.Var(&settingFlag{value: s.fallback, kind: s.kind}, s.name, s.usage)
		if s.kind == "bool" {
			flags.Lookup(s.name).NoOptDefVal = "true"
		}
	}
}

// settingFlag holds a flag's text; the setting's own parser checks it.
type settingFlag struct{ value, kind string }

func (f *settingFlag) String() string     { return f.value }
func (f *settingFlag) Type() string       { return f.kind }
func (f *settingFlag) Set(v string) error { f.value = v; return nil }

func serveCommand(p process) *cobra.Command {
	return configured(p, inServe, &cobra.Command{
		Use:   "serve",
		Short: "run both planes in one process on an embedded SQLite file",
		Long: `Runs the data plane (Checks from Envoy) and the control plane (management
API) in one process. The first start makes the database, the secrets and the
first admin token in the data folder. Stop it with Ctrl-C or SIGTERM.`,
		Example: `  credence serve
  credence serve --data-dir /var/lib/credence --check-addr unix:/run/credence/check.sock
  credence serve --client-source header:x-client-ip --failure-limit 20/m`,
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		return serve(cmd.Context(), c, p.err)
	})
}

func extauthzCommand(p process) *cobra.Command {
	return configured(p, inExtauthz, &cobra.Command{
		Use:   "extauthz",
		Short: "run the data plane alone, any number of replicas",
		Long: `Runs the data plane: answers Envoy's Checks from memory and the database. It
needs secrets.json and a database login with the role credence_data; it never
holds the keyset. Give each process a data folder of its own.`,
		Example: `  credence extauthz --store postgres://credence_check@db/credence --secrets-file secrets.json
  credence extauthz --check-addr 0.0.0.0:9001 --insecure-plaintext   # inside a mesh that encrypts`,
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		return serveExtauthz(cmd.Context(), c, p.err)
	})
}

func managementCommand(p process) *cobra.Command {
	return configured(p, inManagement, &cobra.Command{
		Use:   "management",
		Short: "run the control plane alone: management API and jobs",
		Long: `Runs the control plane: the management API and the jobs. It needs both
secrets.json and keyset.json. The database must have been migrated.`,
		Example: "  credence management --store postgres://credence@db/credence --secrets-file secrets.json --keyset keyset.json",
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		return serveManagement(cmd.Context(), c, p.err)
	})
}

func secretsCommand(p process) *cobra.Command {
	parent := &cobra.Command{
		Use: "secrets", Short: "the secrets of a deployment of several processes",
		Long:    "The secrets that the processes of a deployment share, as files. They are made once; docs/secrets.md says how they are changed.",
		Example: "  credence secrets init --out /etc/credence",
	}
	group(parent)
	var files secretsInit
	initialise := &cobra.Command{
		Use:   "init --out DIR",
		Short: "make secrets.json and keyset.json, once for a deployment",
		Long: `Makes the two files of secrets that a deployment has, mode 0600, and never
overwrites one. secrets.json goes to every process, keyset.json to the control
plane only. "serve" makes both by itself.

With --keyset-kms, keyset.json is encrypted by a key of AWS KMS or of the transit
engine of Vault or OpenBao, which is asked at every start of a control plane and
when the keyset is rotated. The credentials for it are those of the environment
(AWS_..., VAULT_...). docs/secrets.md says which rights it needs.`,
		Example: `  credence secrets init --out /etc/credence
  credence secrets init --out /etc/credence --keyset-kms aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  credence secrets init --out /etc/credence --keyset-kms hcvault://vault.example.com:8200/transit/keys/credence`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if files.dir == "" {
				return usageError{errors.New("--out is missing: name the folder for the two files")}
			}
			return files.run(cmd.Context(), p.out)
		},
	}
	initialise.Flags().StringVar(&files.dir, "out", "", "folder for the two files")
	initialise.Flags().StringVar(&files.keysetDir, "keyset-out", "", "another folder for keyset.json, which the data plane cannot see")
	initialise.Flags().BoolVar(&files.ifMissing, "if-missing", false, "succeed when both files are there already (for jobs that run again)")
	initialise.Flags().StringVar(&files.kms, "keyset-kms", "", "encrypt keyset.json by this key: aws-kms://ARN or hcvault://HOST:PORT/MOUNT/keys/NAME")
	parent.AddCommand(initialise, rotateKeysetCommand(p), rewrapKeysetCommand(p), secretsStatusCommand(p))
	return parent
}

func secretsStatusCommand(p process) *cobra.Command {
	return configured(p, inStatus, &cobra.Command{
		Use:   "status",
		Short: "say which checksum secrets and peppers live keys still need",
		Long: `Says for each checksum secret and pepper of secrets.json whether keys that are
neither revoked nor purged were made with it: one that is needed must stay in the
file, or those keys are refused. One that such keys need and the file lacks is
told and ends the command with exit code 1. It asks the database; stop a "serve"
first, whose file one process has at a time.`,
		Example: `  credence secrets status --store postgres://credence@db/credence --secrets-file secrets.json
  credence secrets status --store sqlite:/var/lib/credence/credence.db --secrets-file /var/lib/credence/secrets.json`,
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		return secretsStatus(cmd.Context(), c, p.out, p.err)
	})
}

// atTheDatabase is for a command that stands beside those of the CLI and is no
// client of the API: the flags that say where that is are not its own.
func atTheDatabase(cmd *cobra.Command) *cobra.Command {
	before, rest, _ := strings.Cut(cmd.UsageTemplate(), "{{if .HasAvailableInheritedFlags}}")
	_, after, _ := strings.Cut(rest, "{{end}}")
	cmd.SetUsageTemplate(before + after)
	return cmd
}

func bootstrapCommand(p process) *cobra.Command {
	var token tokenBootstrap
	cmd := configured(p, inBootstrap, &cobra.Command{
		Use:   "bootstrap",
		Short: "make the first admin token of a deployment, at the database",
		Long: `Makes the first admin token, once; while there is any token it refuses. The
token goes to --out, mode 0600, or to standard output. "serve" makes its first
token by itself.

When the first token was lost or may have been seen, or when the last of all has
ended, --replace revokes it and makes another; other tokens stay. Who may do
that holds the database and both files of secrets. For "serve" there is
"credence tokens recover".`,
		Example: "  credence tokens bootstrap --store postgres://credence@db/credence --secrets-file secrets.json --keyset keyset.json --out admin.token",
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		if token.replace && token.ifMissing {
			return usageError{errors.New("--replace and --if-missing: give one of them; --replace revokes the token that is there")}
		}
		return bootstrap(cmd.Context(), c, token, p.out, p.err)
	})
	cmd.Flags().StringVar(&token.path, "out", "", "file for the token; without it the token is printed")
	cmd.Flags().BoolVar(&token.ifMissing, "if-missing", false, "succeed when there is a token already (for jobs that run again)")
	cmd.Flags().BoolVar(&token.replace, "replace", false, "the first token was lost: revoke it and make another")
	return cmd
}

func recoverCommand(p process) *cobra.Command {
	return configured(p, inRecover, &cobra.Command{
		Use:   "recover",
		Short: `replace the lost first admin token of a "serve", in its data folder`,
		Long: `For a "credence serve" whose admin.token was lost or may have been seen: revokes
it, makes another and puts it in its place in the data folder. Stop the process
first; other tokens stay. For a deployment of several processes there is
"credence tokens bootstrap --replace".`,
		Example: "  credence tokens recover --data-dir /var/lib/credence",
	}, func(cmd *cobra.Command, c config, _ []origin) error {
		return recoverToken(cmd.Context(), c, p.out, p.err)
	})
}

func migrateCommand(p process) *cobra.Command {
	return configured(p, inMigrate, &cobra.Command{
		Use:   "migrate",
		Short: "bring the database to this version's schema",
		Long: `Brings the database to this version's schema, and makes the schema in a new
database. It is that of --store, or the file of a serve in --data-dir; serve does
it by itself when it starts.`,
		Example: `  credence migrate --store postgres://OWNER@HOST/credence
  credence migrate --data-dir /var/lib/credence`,
	}, func(cmd *cobra.Command, c config, origins []origin) error {
		return migrate(cmd.Context(), c, said(origins, "data-dir"), p.out, p.err)
	})
}

func versionCommand(p process) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: `Prints the version that this binary was built from; (devel) is one that was built
from a working copy.`,
		Example: "  credence version",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintln(p.out, "credence", version())
			return nil
		},
	}
}

// stamped is the version that a build without the repository's history is given:
// go build -ldflags "-X main.stamped=v1.2.3".
var stamped string //nolint:gochecknoglobals // the linker writes it

// version is the module version the binary was built from.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func readyCommand(p process) *cobra.Command {
	var address string
	ready := &cobra.Command{
		Use:     "ready",
		Short:   "ask a process whether it is ready; for health checks",
		Long:    "Asks the status port of a process whether it is ready: exit code 0, or 6 with what it waits for.",
		Example: "  credence ready --status-addr 127.0.0.1:9003",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := extauthz.AskReady(cmd.Context(), address); err != nil {
				return unavailableError{err}
			}
			fmt.Fprintln(p.out, "ready")
			return nil
		},
	}
	ready.Flags().StringVar(&address, "status-addr", "127.0.0.1:9003", "status port of the process")
	return ready
}

func checkCommand(p process) *cobra.Command {
	variables := environment(p.environ)
	return probe.Command(probe.Options{
		In: p.in, Out: p.out, Err: p.err, DataDir: variables["CREDENCE_DATA_DIR"], TLS: clientTLS(variables), Now: time.Now,
	})
}

func doctorCommand(p process) *cobra.Command {
	variables := environment(p.environ)
	return doctor.Command(doctor.CommandOptions{
		In: p.in, Out: p.out, DataDir: variables["CREDENCE_DATA_DIR"], TLS: clientTLS(variables), Now: time.Now,
	})
}
