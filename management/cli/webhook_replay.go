package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookReplay(c *command) *cobra.Command {
	var body client.WebhookReplay
	var since, until string
	cmd := &cobra.Command{
		Use: "replay WEBHOOK_ID --since WHEN", Short: "make the deliveries of a range of time again",
		Long: `Makes the deliveries of a range of time again, the oldest first. Events keep
their ids, by which the receiver knows them.`,
		Example: `  credence webhooks replay whk_01jc8zq8m4x0 --since 6h --state failed
  credence webhooks replay whk_01jc8zq8m4x0 --since 2026-05-04T10:00:00Z --until 2026-05-04T12:00:00Z`,
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "those made at or after this instant (RFC 3339) or this length ago (24h, 30d)")
	f.StringVar(&until, "until", "", "and before this instant (RFC 3339) or this length ago (default: now)")
	f.StringVar(&body.Event, "event", "", "only of this type")
	f.StringVar(&body.State, "state", "", "only those that failed, or were delivered (default: both)")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		var err error
		if body.Since, err = c.past("since", since); err != nil {
			return err
		}
		if body.Until, err = c.past("until", until); err != nil {
			return err
		}
		total := client.WebhookReplayed{}
		for !total.Done {
			some, err := api.WebhookReplay(ctx, client.WebhookReplayInput{WebhookID: args[0], Body: body})
			if err != nil {
				return err
			}
			total.Repeated, total.Done, total.EndedBefore = total.Repeated+some.Repeated, some.Done, some.EndedBefore
			body.EndedBefore = some.EndedBefore
		}
		if c.machine() {
			return c.emit(total)
		}
		return c.done(fmt.Sprintf("%d deliveries are on their way again", total.Repeated))
	})
}
