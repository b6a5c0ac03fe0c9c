package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookRotateSecret(c *command) *cobra.Command {
	var grace, file, idempotency string
	cmd := &cobra.Command{
		Use: "rotate-secret WEBHOOK_ID", Short: "give a webhook another secret and show it, once",
		Long: `Gives a webhook another secret. Until the grace ends, deliveries carry a
signature by the old secret, too: give the new one to the receiver meanwhile.`,
		Example: "  credence webhooks rotate-secret whk_01jc8zq8m4x0 --grace 2d --save-to new.secret",
	}
	cmd.Flags().StringVar(&grace, "grace", "", "how long the old secret signs, too, e.g. 12h or 2d; 0s ends it at once (default 24h)")
	secretFileFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body := &client.WebhookRotateSecret{}
		if grace != "" {
			length, err := lifetime("grace", grace)
			if err != nil {
				return err
			}
			if body.Grace = length.length; body.Grace == "" {
				body.Grace = grace // the server says what is wrong with it
			}
		}
		return c.webhookSecret(file, func() (client.WebhookCreated, error) {
			return api.WebhookRotateSecret(ctx, client.WebhookRotateSecretInput{WebhookID: args[0], IdempotencyKey: idempotency, Body: body})
		})
	})
}
