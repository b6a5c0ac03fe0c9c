package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionUpdate(c *command) *cobra.Command {
	var flags connectionFlags
	var paused bool
	var ifMatch string
	cmd := &cobra.Command{
		Use: "update NAME", Short: "change a connection to a " + k.title + " server",
		Long: `Changes what is given and leaves the rest. Another URL, account, authority or
certificate name needs the credential anew: the stored one is never sent elsewhere. --paused has the connection not used
until --paused=false.`,
		Example: k.line("update main --credential-file new-credential") + "\n" + k.line("update main --paused"),
	}
	flags.add(cmd, &k)
	cmd.Flags().BoolVar(&paused, "paused", false, "whether it is not to be used")
	matchFlag(cmd, &ifMatch)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		body, err := flags.patch(c, cmd)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("paused") {
			body.Paused = client.Set(paused)
		}
		tag, err := match(ifMatch, func() (client.Connection, error) { return k.show(api, ctx, client.ConnectionInput{Name: args[0]}) })
		if err != nil {
			return err
		}
		is, err := k.update(api, ctx, client.ConnectionUpdateInput{Name: args[0], IfMatch: tag, Body: body})
		if err != nil {
			return err
		}
		return c.show(is, c.connectionLines(is))
	})
}

// patch is the change that the given flags ask for.
func (f *connectionFlags) patch(c *command, cmd *cobra.Command) (client.ConnectionUpdate, error) {
	given := cmd.Flags()
	body := client.ConnectionUpdate{
		Description: set(given, "description", f.description), URL: set(given, "url", f.url), Account: set(given, "account", f.account),
		ServerName: set(given, "certificate-name", f.serverName), Logins: setList(given, "login", f.logins), Scopes: setList(given, "scope", f.scopes),
	}
	if given.Changed("ca-file") {
		ca, err := certificates(f.caFile)
		if err != nil {
			return body, err
		}
		body.CA = client.Set(ca)
	}
	if given.Changed("setting") {
		settings, err := settingPairs(f.settings)
		if err != nil {
			return body, err
		}
		body.Settings = client.Set(settings)
	}
	if given.Changed("credential-file") {
		credential, err := c.credential(f.credentialFile)
		if err != nil {
			return body, err
		}
		body.Credential = client.Set(credential)
	}
	return body, nil
}
