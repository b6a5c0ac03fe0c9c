package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionCreate(c *command) *cobra.Command {
	var flags connectionFlags
	var namespace, idempotency string
	cmd := &cobra.Command{
		Use: "create NAME --url URL --account ACCOUNT", Short: "make a connection to a " + k.title + " server",
		Long: `Makes a connection: where the server is, which account credentials are managed
with there, and for which ` + k.accounts + ` and how wide scopes at most. The credential of
the account is read from a file, standard input or a prompt, and kept sealed. It
takes a token with role admin that is not limited to namespaces. Nobody is
called yet: check does that.`,
		Example: k.line("create main "+k.example+" --credential-file credential") + "\n" +
			k.line("create main "+k.example+" --namespace payments --ca-file ca.pem"),
	}
	flags.add(cmd, &k)
	namespaceFlag(cmd, &namespace, "whose callers may use it (default: only those who are not limited to namespaces)")
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body := client.ConnectionCreate{
			Name: args[0], Namespace: namespace, Description: flags.description, URL: flags.url, Account: flags.account,
			ServerName: flags.serverName, Logins: flags.logins, Scopes: flags.scopes,
		}
		var err error
		if body.Settings, err = settingPairs(flags.settings); err != nil {
			return err
		}
		if body.CA, err = certificates(flags.caFile); err != nil {
			return err
		}
		if body.Credential, err = c.credential(flags.credentialFile); err != nil {
			return err
		}
		made, err := k.create(api, ctx, client.ConnectionCreateInput{IdempotencyKey: idempotency, Body: body})
		if err != nil {
			return err
		}
		if err := c.show(made, c.connectionLines(made)); err != nil || c.machine() {
			return err
		}
		fmt.Fprintf(c.Err, "\nNobody was called yet: credence %s connections check %s says whether it works.\n", k.noun, printable(made.Name))
		return nil
	})
}
