package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show TOKEN_ID", Short: "show an access token of a Gitea user",
		Long:    "Shows what is known of an access token. The secret is not shown.",
		Example: "  credence gitea tokens show gtk_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		t, err := api.GiteaTokenShow(ctx, client.GiteaTokenInput{TokenID: args[0]})
		if err != nil {
			return err
		}
		return c.show(t, c.giteaTokenLines(t))
	})
}
