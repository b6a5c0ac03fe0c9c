package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// tryPatience is how long a test is watched: a call may take 10 seconds, and
// waits for its turn before that.
const tryPatience = 20 * time.Second

func webhookTest(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "test WEBHOOK_ID", Short: "send a webhook an event of type webhook.test, and show what came of it",
		Long: `Sends a webhook an event of type webhook.test, whatever its filter, and waits a
while for what comes of it. The exit code says whether it was delivered.`,
		Example: "  credence webhooks test whk_01jc8zq8m4x0",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		d, err := api.WebhookTest(ctx, client.WebhookInput{WebhookID: args[0]})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, tryPatience)
		defer cancel()
		for d.Attempts == 0 && pauseFor(ctx, 250*time.Millisecond) {
			if d, err = api.WebhookDelivery(ctx, client.WebhookDeliveryInput{WebhookID: args[0], DeliveryID: d.DeliveryID}); err != nil {
				return err
			}
		}
		if err := c.show(d, c.deliveryLines(d)); err != nil {
			return err
		}
		if d.State != "delivered" {
			return fmt.Errorf("the test was not delivered: %s", first(lastTry(d), "it still waits for its turn"))
		}
		return nil
	})
}

// pauseFor reports whether the pause has passed before ctx ended.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
