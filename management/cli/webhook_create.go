package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookCreate(c *command) *cobra.Command {
	var body client.WebhookCreate
	var file, idempotency string
	cmd := &cobra.Command{
		Use: "create URL --event TYPE", Short: "have an address told of events, and show its secret, once",
		Long: `Has an address told of what happens, in one namespace or in all. Deliveries are
signed as Standard Webhooks says; docs/webhooks.md shows how to verify them.
The secret is printed this once; with --save-to it goes to a new file (mode
0600) instead.`,
		Example: `  credence webhooks create https://hooks.example.com/credence --event "key.*" --namespace payments
  credence webhooks create https://siem.example.com/in --event "*" --rate 50 --save-to siem.secret`,
	}
	f := cmd.Flags()
	f.StringSliceVar(&body.Events, "event", nil, `what it is told: a type, a family such as key.*, or *; may be repeated`)
	f.StringVar(&body.Description, "description", "", "for people")
	f.IntVar(&body.Rate, "rate", 0, "most deliveries in a second (default 10)")
	namespaceFlag(cmd, &body.Namespace, "told only of this namespace (default: of everything)")
	secretFileFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body.URL = args[0]
		return c.webhookSecret(file, func() (client.WebhookCreated, error) {
			return api.WebhookCreate(ctx, client.WebhookCreateInput{IdempotencyKey: idempotency, Body: body})
		})
	})
}

func secretFileFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "save-to", "", "write the secret to this new file, not to the screen")
}

// webhookLines are a webhook for people.
func (c *command) webhookLines(w client.Webhook) [][2]string {
	lines := [][2]string{
		{"webhook", w.WebhookID},
		{"namespace", first(w.Namespace, "(all)")},
		{"url", w.URL},
		{"description", w.Description},
		{"events", strings.Join(w.Events, ", ")},
		{"rate", strconv.Itoa(w.Rate) + "/s"},
		{"status", w.Status},
	}
	if w.Status == "disabled" {
		lines = append(lines, [2]string{"since", c.when(w.DisabledAt)}, [2]string{"reason", w.DisabledReason})
	}
	if w.Failures > 0 {
		lines = append(lines, [2]string{"failing since", c.when(w.FailingSince)},
			[2]string{"failed in a row", strconv.Itoa(w.Failures)}, [2]string{"next try", c.when(w.PausedUntil)})
	}
	if !w.PreviousSecretUntil.IsZero() {
		lines = append(lines, [2]string{"old secret signs until", c.when(w.PreviousSecretUntil)})
	}
	return append(lines, [2]string{"told of", strconv.FormatInt(w.Sequence, 10) + " events"}, [2]string{"made by", w.CreatedBy}, [2]string{"made", c.when(w.CreatedAt)})
}
