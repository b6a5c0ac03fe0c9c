package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show WEBHOOK_ID", Short: "show a webhook",
		Long: `Shows a webhook and how it stands: whether it fails, since when, and when it is
called next. The secret is not shown.`,
		Example: "  credence webhooks show whk_01jc8zq8m4x0",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		w, err := api.WebhookShow(ctx, client.WebhookInput{WebhookID: args[0]})
		if err != nil {
			return err
		}
		return c.show(w, c.webhookLines(w))
	})
}
