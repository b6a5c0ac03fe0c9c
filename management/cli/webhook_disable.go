package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookDisable(c *command) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "disable WEBHOOK_ID --reason TEXT", Short: "do not call a webhook until it is enabled again",
		Long:    "Does not call a webhook until it is enabled again. What it would be told is kept for it.",
		Example: `  credence webhooks disable whk_01jc8zq8m4x0 --reason "maintenance"`,
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for people and the audit log")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		w, err := api.WebhookDisable(ctx, client.WebhookDisableInput{WebhookID: args[0], Body: client.WebhookDisable{Reason: reason}})
		if err != nil {
			return err
		}
		return c.show(w, c.webhookLines(w))
	})
}
