package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"credence/management/client"
)

// connectionKind is a program that connections lead to: what it is called, and
// the operations of the API for it. The verbs are the same for all.
type connectionKind struct {
	noun, title string // "gitea", "Gitea"
	accounts    string // what accounts of it are called
	named       bool   // which of them it may be used for is said; else it is the account itself
	settings    string // what can be set of it; "" for nothing
	example     string // flags of an example
	create      func(*client.Client, context.Context, client.ConnectionCreateInput) (client.Connection, error)
	list        func(*client.Client, context.Context, client.ConnectionListInput) (client.List[client.Connection], error)
	show        func(*client.Client, context.Context, client.ConnectionInput) (client.Connection, error)
	update      func(*client.Client, context.Context, client.ConnectionUpdateInput) (client.Connection, error)
	remove      func(*client.Client, context.Context, client.ConnectionDeleteInput) error
	check       func(*client.Client, context.Context, client.ConnectionInput) (client.ConnectionChecked, error)
}

func giteaConnections() connectionKind {
	return connectionKind{
		noun: "gitea", title: "Gitea", accounts: "users", named: true,
		example: "--url https://git.example.com --account credence --login 'ci-*' --scope write:repository",
		create:  (*client.Client).GiteaConnectionCreate, list: (*client.Client).GiteaConnectionList, show: (*client.Client).GiteaConnectionShow,
		update: (*client.Client).GiteaConnectionUpdate, remove: (*client.Client).GiteaConnectionDelete, check: (*client.Client).GiteaConnectionCheck,
	}
}

func n8nConnections() connectionKind {
	return connectionKind{
		noun: "n8n", title: "n8n", accounts: "accounts", settings: "rest_path or api_path, where the instance has others than rest and api",
		example: "--url https://n8n.example.com --account owner@example.com --scope workflow:read",
		create:  (*client.Client).N8NConnectionCreate, list: (*client.Client).N8NConnectionList, show: (*client.Client).N8NConnectionShow,
		update: (*client.Client).N8NConnectionUpdate, remove: (*client.Client).N8NConnectionDelete, check: (*client.Client).N8NConnectionCheck,
	}
}

// line is a line of an example.
func (k connectionKind) line(verb string) string {
	return "  credence " + k.noun + " connections " + verb
}

// connections are the verbs on connections to a kind of program.
func (k connectionKind) connections(c *command) *cobra.Command {
	return c.group("connections", "the ways to "+k.title+" servers, and what they may be used for",
		k.line("create main "+k.example+" --credential-file credential")+"\n"+k.line("check main"),
		k.connectionCreate(c), k.connectionList(c), k.connectionShow(c), k.connectionUpdate(c), k.connectionDelete(c), k.connectionCheck(c))
}

// connectionFlags are those that say what a connection is.
type connectionFlags struct {
	description, url, account, credentialFile, caFile, serverName string
	logins, scopes, settings                                      []string
}

func (f *connectionFlags) add(cmd *cobra.Command, k *connectionKind) {
	flags := cmd.Flags()
	flags.StringVar(&f.description, "description", "", "for people")
	flags.StringVar(&f.url, "url", "", "base URL of the server, with its path if it has one")
	flags.StringVar(&f.account, "account", "", "account that the credential belongs to")
	flags.StringVar(&f.credentialFile, "credential-file", "", "file with what the account proves itself by; - reads standard input")
	flags.StringVar(&f.caFile, "ca-file", "", "authorities to trust there instead of the server's own (PEM)")
	flags.StringVar(&f.serverName, "certificate-name", "", "name that the certificate there must bear, if not the host of the URL")
	if k.named {
		flags.StringSliceVar(&f.logins, "login", nil, k.accounts+" that it may be used for; ci-* means all that begin so; may be repeated")
	}
	flags.StringSliceVar(&f.scopes, "scope", nil, "widest scope that it may give; may be repeated")
	if k.settings != "" {
		flags.StringSliceVar(&f.settings, "setting", nil, k.settings+", as name=value; may be repeated")
	}
}

// maxCredentialFile bounds what is read of a credential, in bytes.
const maxCredentialFile = 8 << 10

// credential reads the credential from its file, standard input, or the person
// at the terminal.
func (c *command) credential(file string) (client.KeyText, error) {
	switch file {
	case "":
		return c.askCredential()
	case "-":
		return readCredential(c.In, "standard input")
	}
	f, err := os.Open(file) //nolint:gosec // the caller names the file
	if err != nil {
		return "", usage(fmt.Errorf("--credential-file: %w", err))
	}
	text, err := readCredential(f, file)
	return text, errors.Join(err, f.Close())
}

func readCredential(from io.Reader, name string) (client.KeyText, error) {
	raw, err := io.ReadAll(io.LimitReader(from, maxCredentialFile+1))
	if err != nil {
		return "", usage(fmt.Errorf("--credential-file: %s: %w", name, err))
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" || len(raw) > maxCredentialFile {
		return "", usage(fmt.Errorf("--credential-file: %s is empty or longer than %d bytes: give the credential alone", name, maxCredentialFile))
	}
	return client.KeyText(text), nil
}

func (c *command) askCredential() (client.KeyText, error) {
	file, ok := c.In.(*os.File)
	if !c.Terminal() || !ok {
		return "", usage(errors.New("--credential-file is missing: name the file with the credential, or - for standard input"))
	}
	fmt.Fprint(c.Err, "Credential: ")
	raw, err := term.ReadPassword(int(file.Fd()))
	fmt.Fprintln(c.Err)
	if err != nil {
		return "", err
	}
	return readCredential(strings.NewReader(string(raw)), "what was typed")
}

// certificates reads the authorities of a file.
func certificates(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the caller names the file
	if err != nil {
		return "", usage(fmt.Errorf("--ca-file: %w", err))
	}
	return string(raw), nil
}

// settingPairs reads --setting name=value.
func settingPairs(values []string) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range cleared(values) {
		name, value, found := strings.Cut(v, "=")
		if !found || name == "" {
			return nil, usage(fmt.Errorf("--setting %q: write it as name=value", v))
		}
		out[name] = value
	}
	return out, nil
}

// connectionLines are a connection for people.
func (c *command) connectionLines(is client.Connection) [][2]string {
	lines := [][2]string{
		{"connection", is.Name},
		{"namespace", first(is.Namespace, "(all)")},
		{"description", is.Description},
		{"url", is.URL},
		{"account", is.Account},
		{"certificate name", is.ServerName},
		{"logins", listText(is.Logins)},
		{"scopes", listText(is.Scopes)},
		{"settings", labelText(is.Settings)},
		{"state", is.State},
	}
	if is.State == "paused" {
		lines = append(lines, [2]string{"since", c.when(is.StateAt)}, [2]string{"reason", is.StateReason})
	}
	if is.CA != "" {
		lines = append(lines, [2]string{"authorities", "its own"})
	}
	return append(lines, [2]string{"server version", is.ServerVersion}, [2]string{"checked", c.when(is.CheckedAt)},
		[2]string{"made by", is.CreatedBy}, [2]string{"made", c.when(is.CreatedAt)})
}
