package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/certfile"
)

// Options is what package main knows of the world outside.
type Options struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	Server  string // CREDENCE_SERVER
	Token   string // CREDENCE_TOKEN: text of an admin token
	DataDir string // CREDENCE_DATA_DIR
	Context string // CREDENCE_CONTEXT
	// ContextsFile is CREDENCE_CONTEXTS, or contexts.yaml in the person's folder
	// for settings; "" where there is none.
	ContextsFile string
	// TLS are CREDENCE_TLS_CA, CREDENCE_TLS_CERT, CREDENCE_TLS_KEY and
	// CREDENCE_TLS_SERVER_NAME.
	TLS certfile.ClientOptions

	// Now is the clock of relative times ("in 3d"); without it only absolute
	// times are shown.
	Now func() time.Time
	// NewClient makes the client; nil means [client.New].
	NewClient func(client.Options) (*client.Client, error)
	// Terminal reports whether a person sits at In; nil looks.
	Terminal func() bool
	// Screen answers how wide the terminal at Out is, 0 for none, and whether
	// it shows colours; nil looks.
	Screen func() (width int, colour bool)
	// Objects reads what an object store holds at s3://BUCKET/PREFIX; nil reads
	// none.
	Objects func(ctx context.Context, address string) (io.ReadCloser, error)
	// NoColour is NO_COLOR: no colours, whatever stands at Out.
	NoColour bool
}

// command is what each command works with.
type command struct {
	Options

	server    string
	tokenFile string
	dataDir   string
	context   string
	tls       certfile.ClientOptions
	plaintext bool
	output    string
	wait      string // of the changes that the data plane must learn of
	moving    bool   // a line of progress stands on the screen
}

// Commands makes the commands. They answer errors for [ExitCode] and print
// none.
func Commands(o Options) []*cobra.Command {
	if o.NewClient == nil {
		o.NewClient = client.New
	}
	if o.Terminal == nil {
		o.Terminal = func() bool {
			f, ok := o.In.(*os.File)
			return ok && isatty.IsTerminal(f.Fd())
		}
	}
	return []*cobra.Command{
		noun(o, "keys", "make, list, change and take back API keys", keyExamples,
			keyCreate, keyList, keyShow, keyUpdate, keyDisable, keyEnable, keySuspend, keyRotate, keyRotation, keyRevoke, keyDelete, keyImport),
		noun(o, "key-policies", "what keys of each type are held to", keyPolicyExamples,
			keyPolicyList, keyPolicyShow, keyPolicySet, keyPolicyReset, keyPolicyCheck),
		noun(o, "plans", "named sets of limits that many keys share", planExamples,
			planCreate, planList, planShow, planUpdate, planDelete),
		noun(o, "route-policies", "what routes demand, for proxies to name or by host and path", routePolicyExamples,
			routePolicyCreate, routePolicyList, routePolicyShow, routePolicyUpdate, routePolicyDelete, routePolicyExplain),
		noun(o, "owners", "teams, users and services that keys belong to", ownerExamples,
			ownerCreate, ownerList, ownerShow, ownerUpdate, ownerDelete),
		noun(o, "namespaces", "tenant boundaries", namespaceExamples,
			namespaceCreate, namespaceList, namespaceShow, namespaceUpdate, namespaceDelete),
		noun(o, "replicas", "the processes that answer Envoy", replicaExamples, replicaList),
		noun(o, "blacklist", "networks whose clients are refused", blacklistExamples,
			blacklistAdd, blacklistImport, blacklistList, blacklistShow, blacklistRemove),
		noun(o, "tokens", "admin tokens: who may use the management API", tokenExamples,
			tokenCreate, tokenList, tokenShow, tokenRotate, tokenRevoke),
		noun(o, "context", "servers and their tokens under a name", contextExamples,
			contextAdd, contextUse, contextList, contextShow, contextRemove),
		noun(o, "webhooks", "addresses outside that are told of events", webhookExamples,
			webhookCreate, webhookList, webhookShow, webhookUpdate, webhookDelete, webhookEnable, webhookDisable, webhookRotateSecret,
			webhookTest, webhookDeliveries, webhookRedeliver, webhookReplay, webhookListen),
		noun(o, "gitea", "access tokens of Gitea users", giteaExamples, giteaConnections().connections, giteaTokens),
		noun(o, "n8n", "API keys of n8n accounts", n8nExamples, n8nConnections().connections, n8nKeys),
		whoami(o),
		inventory(o),
		export(o),
		usageNoun(o),
		noun(o, "report", "what was used, and what somebody should look at", reportExamples,
			reportCreate, reportList, reportShow, reportDownload, reportDelete, reportSchedules),
		noun(o, "anomalies", "use of keys and addresses that is not as it should be", anomalyExamples,
			anomalyList, anomalyShow, anomalyAcknowledge, anomalyResolve, anomalyUndo, anomalyReplay),
		noun(o, "anomaly-policies", "what is done about findings", anomalyPolicyExamples,
			anomalyPolicyList, anomalyPolicyShow, anomalyPolicySet, anomalyPolicyReset),
		noun(o, "audit", "who did what, and the proof that nothing of it was changed", auditExamples,
			auditList, auditShow, auditExport, auditVerify, auditCheckpoint, auditCheckpoints, auditAnchors, auditPublicKey),
		noun(o, "cleanup", "what the control plane tidies up at intervals", cleanupExamples, cleanupList, cleanupRun),
	}
}

const (
	keyExamples = `  credence keys create --name orders --scope orders:read --limit 10/s --expires 720h
  credence keys list --owner team-a
  credence keys rotate KEY_ID --grace 24h
  credence keys revoke KEY_ID --reason "left the company"`
	keyPolicyExamples = `  credence key-policies list
  credence key-policies set user --longest-life 90d --default-life 30d
  credence key-policies check`
	planExamples = `  credence plans create basic --limit 100/m --quota 10000/day
  credence plans list`
	routePolicyExamples = `  credence route-policies create admin --host api.example.com --path "/admin/*" --scope admin
  credence route-policies explain --host api.example.com --path /admin/users`
	ownerExamples = `  credence owners create team-a --limit 500/s
  credence owners show team-a`
	namespaceExamples = `  credence namespaces create payments --key-prefix pay
  credence namespaces list`
	replicaExamples   = `  credence replicas list`
	blacklistExamples = `  credence blacklist add 203.0.113.0/24 --for 1h --reason "key scan"
  credence blacklist import drop.txt --source drop --for 7d --reason "hijacked networks"
  credence blacklist list
  credence blacklist remove --source drop --dry-run`
	auditExamples = `  credence audit list --key KEY_ID
  credence audit show default:42
  credence audit export --out audit.jsonl
  credence audit verify --file audit.jsonl --checkpoint anchored.jsonl --public-key audit.pem`
	contextExamples = `  credence context add prod --server https://credence.example.com --token-file prod.token
  credence context use prod
  credence keys list --context staging`
	cleanupExamples = `  credence cleanup list
  credence cleanup run revoked-keys --dry-run`
	webhookExamples = `  credence webhooks create https://hooks.example.com/credence --event "key.*" --namespace payments
  credence webhooks test WEBHOOK_ID
  credence webhooks deliveries WEBHOOK_ID --state failed`
	giteaExamples = `  credence gitea connections create main --url https://git.example.com --account credence --login 'ci-*' --scope write:repository
  credence gitea connections check main
  credence gitea tokens create --connection main --login ci-bot --name deploy --scope write:repository`
	n8nExamples = `  credence n8n connections create main --url https://n8n.example.com --account owner@example.com --scope workflow:read
  credence n8n connections check main
  credence n8n keys create --connection main --name ci --scope workflow:read`
	tokenExamples = `  credence tokens create --name ci --role operator --namespace payments --save-to ci.token
  credence tokens list`
)

// noun is a command with its verbs, and the flags that all of them have.
func noun(o Options, name, short, examples string, verbs ...func(*command) *cobra.Command) *cobra.Command {
	c := &command{Options: o}
	parent := bareNoun(name, short, examples)
	parent.Long += "\n\n" + connectHelp + "\n\n" + exitHelp()
	c.connectFlags(parent)
	for _, verb := range verbs {
		c.hold(parent, verb(c))
	}
	return parent
}

// group is a noun within another: its verbs have the flags of that.
func (c *command) group(name, short, examples string, verbs ...*cobra.Command) *cobra.Command {
	parent := bareNoun(name, short, examples)
	for _, verb := range verbs {
		c.hold(parent, verb)
	}
	return parent
}

// bareNoun is a command that holds others, still without them.
func bareNoun(name, short, examples string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Example: examples, Long: "Commands for " + name + ": " + short + ".", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q: `%s --help` lists them", args[0], cmd.CommandPath()))
			}
			return cmd.Help()
		},
	}
}

// hold puts a verb into a command.
func (c *command) hold(parent, verb *cobra.Command) {
	parent.AddCommand(verb)
	c.completed(parent, verb)
}

// connectFlags are the flags of a command and its verbs that say which server,
// who asks, and how to show what it answers.
func (c *command) connectFlags(parent *cobra.Command) {
	flags := parent.PersistentFlags()
	flags.StringVar(&c.server, "server", "", "address of the management API, e.g. https://credence.example.com (CREDENCE_SERVER)")
	flags.StringVar(&c.tokenFile, "token-file", "", "file with the admin token (the token itself: CREDENCE_TOKEN)")
	flags.StringVar(&c.context, "context", "", "server and token under a name, see credence context (CREDENCE_CONTEXT)")
	flags.StringVar(&c.dataDir, "data-dir", "", "folder of a local credence serve to take both from (CREDENCE_DATA_DIR; default ./credence-data)")
	flags.StringVar(&c.tls.CAFile, "tls-ca", "", "PEM file of the authorities to trust instead of the system's (CREDENCE_TLS_CA)")
	flags.StringVar(&c.tls.CertFile, "tls-cert", "", "PEM file of the certificate to show to a server that asks for one (CREDENCE_TLS_CERT)")
	flags.StringVar(&c.tls.KeyFile, "tls-key", "", "PEM file of its private key (CREDENCE_TLS_KEY)")
	flags.StringVar(&c.tls.ServerName, "tls-server-name", "", "name that the server's certificate must bear, if not the one in --server (CREDENCE_TLS_SERVER_NAME)")
	flags.BoolVar(&c.plaintext, "insecure-plaintext", false, "send the token over plain HTTP to hosts beyond loopback")
	flags.StringVarP(&c.output, "output", "o", "table", "table, json, yaml or csv")
	parent.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(fmt.Errorf("%w: `%s --help` lists the flags", err, cmd.CommandPath()))
	})
}

// verb finishes a command: it checks what all have in common, connects, and
// explains the error.
func (c *command) verb(cmd *cobra.Command, args int, run func(ctx context.Context, api *client.Client, args []string) error) *cobra.Command {
	c.local(cmd, args, nil)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if err := c.knownOutput(); err != nil {
			return err
		}
		wait, err := c.waiting()
		if err != nil {
			return err
		}
		api, err := c.connect(wait)
		if err != nil {
			return err
		}
		defer api.Close()
		return whereToLook(cmd, given, explain(run(cmd.Context(), api, given)))
	}
	return cmd
}

// local finishes a command that needs no server.
func (c *command) local(cmd *cobra.Command, args int, run func(args []string) error) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if len(given) != args {
			return usage(fmt.Errorf("%d arguments given, %d wanted: %s", len(given), args, cmd.UseLine()))
		}
		return nil
	}
	cmd.RunE = func(_ *cobra.Command, given []string) error {
		if err := c.knownOutput(); err != nil {
			return err
		}
		return run(given)
	}
	return cmd
}

// optional lets a command go without its argument.
func optional(cmd *cobra.Command) *cobra.Command {
	whole := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if len(given) == 0 {
			return nil
		}
		return whole(cmd, given)
	}
	return cmd
}

func (c *command) knownOutput() error {
	if slices.Contains(outputs(), c.output) {
		return nil
	}
	return usage(fmt.Errorf("--output %q: give one of %s", c.output, strings.Join(outputs(), ", ")))
}

// errAborted: the person at the terminal did not say yes.
var errAborted = errors.New("nothing was done: not confirmed")
