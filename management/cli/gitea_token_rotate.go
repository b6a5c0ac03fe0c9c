package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenRotate(c *command) *cobra.Command {
	var overlap, file, idempotency string
	cmd := &cobra.Command{
		Use: "rotate TOKEN_ID", Short: "make a successor of an access token, and show its secret, once",
		Long: `Makes a token that takes over: same user, same scopes. The old one lives on for
the overlap and is deleted then.`,
		Example: "  credence gitea tokens rotate gtk_06f5x9v3q7b2n6c0m4k8d1w5tz --overlap 2d --save-to new.token",
	}
	cmd.Flags().StringVar(&overlap, "overlap", "", "how long the old one lives on, e.g. 12h or 2d; 0s ends it at once (default: as the token says)")
	secretFileFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		length, err := goDuration("overlap", overlap)
		if err != nil {
			return err
		}
		return c.giteaSecret(file, func() (client.GiteaTokenCreated, error) {
			return api.GiteaTokenRotate(ctx, client.GiteaTokenRotateInput{
				TokenID: args[0], IdempotencyKey: idempotency, Body: &client.GiteaTokenRotate{Overlap: length},
			})
		})
	})
}
