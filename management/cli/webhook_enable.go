package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookEnable(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "enable WEBHOOK_ID", Short: "call a webhook again, and send what waits for it",
		Long: `Calls a webhook again that was disabled by a person or because it failed. What
it would have been told meanwhile is sent, as far as it is kept (30 days).`,
		Example: "  credence webhooks enable whk_01jc8zq8m4x0",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		w, err := api.WebhookEnable(ctx, client.WebhookInput{WebhookID: args[0]})
		if err != nil {
			return err
		}
		return c.show(w, c.webhookLines(w))
	})
}
