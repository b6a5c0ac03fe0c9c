package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes bool
	cmd := &cobra.Command{
		Use: "delete WEBHOOK_ID", Short: "delete a webhook; what waits for it is not sent",
		Long:    `Deletes a webhook. What it was to be told and waits is not sent any more.`,
		Example: "  credence webhooks delete whk_01jc8zq8m4x0",
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete webhook "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Webhook, error) {
			return api.WebhookShow(ctx, client.WebhookInput{WebhookID: args[0]})
		})
		if err != nil {
			return err
		}
		if err := api.WebhookDelete(ctx, client.WebhookDeleteInput{WebhookID: args[0], IfMatch: tag}); err != nil {
			return err
		}
		return c.done("webhook " + args[0] + " deleted")
	})
}
