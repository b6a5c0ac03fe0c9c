package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenAdopt(c *command) *cobra.Command {
	var body client.GiteaTokenAdopt
	cmd := &cobra.Command{
		Use: "adopt TOKEN_ID", Short: "accept a stranger or a widened token as it is on the server",
		Long: `Accepts a token as it is on the server: one that was not made here, or one that has
more scopes than it was given. It has to be within the limits of the connection.
The other way is to delete it. Who was not given a secret here has none.`,
		Example: "  credence gitea tokens adopt gtk_06f5x9v3q7b2n6c0m4k8d1w5tz --owner team-a",
	}
	cmd.Flags().StringVar(&body.Owner, "owner", "", "who answers for it from now on")
	cmd.Flags().StringVar(&body.Description, "description", "", "for people")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		t, err := api.GiteaTokenAdopt(ctx, client.GiteaTokenAdoptInput{TokenID: args[0], Body: body})
		if err != nil {
			return err
		}
		return c.show(t, c.giteaTokenLines(t))
	})
}
