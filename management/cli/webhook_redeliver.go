package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookRedeliver(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "redeliver WEBHOOK_ID DELIVERY_ID", Short: "make a delivery again, now",
		Long:    "Makes a delivery again, whatever became of it. The event keeps its id, by which the receiver knows it.",
		Example: "  credence webhooks redeliver whk_01jc8zq8m4x0 dlv_01jc8zr1a2b3",
	}
	return c.verb(cmd, 2, func(ctx context.Context, api *client.Client, args []string) error {
		d, err := api.WebhookRedeliver(ctx, client.WebhookDeliveryInput{WebhookID: args[0], DeliveryID: args[1]})
		if err != nil {
			return err
		}
		return c.show(d, c.deliveryLines(d))
	})
}
