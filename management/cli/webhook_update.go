package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookUpdate(c *command) *cobra.Command {
	var url, description, ifMatch string
	var events []string
	var rate int
	cmd := &cobra.Command{
		Use: "update WEBHOOK_ID", Short: "change a webhook",
		Long:    "Changes what is given and leaves the rest. What waits goes to the new address.",
		Example: `  credence webhooks update whk_01jc8zq8m4x0 --event "key.*" --event plan.changed`,
	}
	f := cmd.Flags()
	f.StringVar(&url, "url", "", "where it is called")
	f.StringVar(&description, "description", "", "for people")
	f.StringSliceVar(&events, "event", nil, "all that it is told; may be repeated")
	f.IntVar(&rate, "rate", 0, "most deliveries in a second")
	matchFlag(cmd, &ifMatch)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		f := cmd.Flags()
		body := client.WebhookUpdate{URL: set(f, "url", url), Description: set(f, "description", description)}
		if f.Changed("event") {
			body.Events = client.Set(events)
		}
		if f.Changed("rate") {
			body.Rate = client.Set(int64(rate))
		}
		tag, err := match(ifMatch, func() (client.Webhook, error) {
			return api.WebhookShow(ctx, client.WebhookInput{WebhookID: args[0]})
		})
		if err != nil {
			return err
		}
		w, err := api.WebhookUpdate(ctx, client.WebhookUpdateInput{WebhookID: args[0], IfMatch: tag, Body: body})
		if err != nil {
			return err
		}
		return c.show(w, c.webhookLines(w))
	})
}
