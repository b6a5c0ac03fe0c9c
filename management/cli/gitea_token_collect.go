package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenCollect(c *command) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "collect TOKEN_ID", Short: "show the secret of a token that took over by schedule, once",
		Long: `Shows the secret of a token that was made by a scheduled rotation. The event
gitea_token.rotated says that one waits. It is handed out once.`,
		Example: "  credence gitea tokens collect gtk_06f5x9v3q7b2n6c0m4k8d1w5tz --save-to new.token",
	}
	secretFileFlag(cmd, &file)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return c.giteaSecret(file, func() (client.GiteaTokenCreated, error) {
			return api.GiteaTokenCollect(ctx, client.GiteaTokenInput{TokenID: args[0]})
		})
	})
}
