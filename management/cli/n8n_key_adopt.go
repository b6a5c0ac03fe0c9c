package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyAdopt(c *command) *cobra.Command {
	var body client.N8NKeyAdopt
	cmd := &cobra.Command{
		Use: "adopt KEY_ID", Short: "accept a stranger or a widened key as it is at n8n",
		Long: `Accepts a key as it is at n8n: one that was not made here, or one that has more
scopes than it was given. It has to be within the limits of the connection. The
other way is to delete it. Who was not given a secret here has none.`,
		Example: "  credence n8n keys adopt n8k_06f5x9v3q7b2n6c0m4k8d1w5tz --owner team-a",
	}
	cmd.Flags().StringVar(&body.Owner, "owner", "", "who answers for it from now on")
	cmd.Flags().StringVar(&body.Description, "description", "", "for people")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		k, err := api.N8NKeyAdopt(ctx, client.N8NKeyAdoptInput{ID: args[0], Body: body})
		if err != nil {
			return err
		}
		return c.show(k, c.n8nKeyLines(k))
	})
}
