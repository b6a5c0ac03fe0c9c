package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyDelete(c *command) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete KEY_ID", Short: "delete an API key, at n8n and here",
		Long: `Deletes an API key. It is refused at once. When n8n cannot be asked now, the
command fails, and the key is deleted as soon as it can.`,
		Example: "  credence n8n keys delete n8k_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete key "+printable(args[0])+"?"); err != nil {
			return err
		}
		if err := api.N8NKeyDelete(ctx, client.N8NKeyInput{ID: args[0]}); err != nil {
			return err
		}
		return c.done("key " + args[0] + " deleted")
	})
}
