package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyCollect(c *command) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "collect KEY_ID", Short: "show the secret of a key that took over by schedule, once",
		Long: `Shows the secret of a key that was made by a scheduled rotation. The event
n8n_key.rotated says that one waits. It is handed out once.`,
		Example: "  credence n8n keys collect n8k_06f5x9v3q7b2n6c0m4k8d1w5tz --save-to new.key",
	}
	secretFileFlag(cmd, &file)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return c.n8nSecret(file, func() (client.N8NKeyCreated, error) {
			return api.N8NKeyCollect(ctx, client.N8NKeyInput{ID: args[0]})
		})
	})
}
