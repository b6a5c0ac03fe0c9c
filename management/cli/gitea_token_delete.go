package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenDelete(c *command) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete TOKEN_ID", Short: "delete an access token, on the server and here",
		Long: `Deletes an access token. The server refuses it at once. When the server cannot be
asked now, the command fails, and the token is deleted as soon as it can.`,
		Example: "  credence gitea tokens delete gtk_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete token "+printable(args[0])+"?"); err != nil {
			return err
		}
		if err := api.GiteaTokenDelete(ctx, client.GiteaTokenInput{TokenID: args[0]}); err != nil {
			return err
		}
		return c.done("token " + args[0] + " deleted")
	})
}
