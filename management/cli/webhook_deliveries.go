package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookDeliveries(c *command) *cobra.Command {
	var in client.WebhookDeliveriesInput
	var since, until, one string
	cmd := &cobra.Command{
		Use: "deliveries WEBHOOK_ID", Short: "list what a webhook was told, newest first, or show one delivery",
		Long: `Lists what a webhook was told or is to be told, with what came of the last
attempt. With --delivery it shows one, with all attempts and the payload.`,
		Example: `  credence webhooks deliveries whk_01jc8zq8m4x0 --state failed --since 3d
  credence webhooks deliveries whk_01jc8zq8m4x0 --delivery dlv_01jc8zq8m4x0 -o json`,
	}
	page := pagingFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&in.State, "state", "", "only those that are pending, delivered or failed")
	f.StringVar(&in.Event, "event", "", "only of this type")
	f.StringVar(&since, "since", "", "only those made at or after this instant (RFC 3339) or this length ago (24h, 30d)")
	f.StringVar(&until, "until", "", "only those made before this instant (RFC 3339) or this length ago (24h, 30d)")
	f.StringVar(&one, "delivery", "", "show this delivery, with its attempts and its payload")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if one != "" {
			d, err := api.WebhookDelivery(ctx, client.WebhookDeliveryInput{WebhookID: args[0], DeliveryID: one})
			if err != nil {
				return err
			}
			return c.show(d, c.deliveryLines(d))
		}
		in.WebhookID = args[0]
		var err error
		if in.Since, err = c.past("since", since); err != nil {
			return err
		}
		if in.Until, err = c.past("until", until); err != nil {
			return err
		}
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Delivery], error) {
			in.PageInput = p
			return api.WebhookDeliveries(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tNO\tEVENT\tSTATE\tATTEMPTS\tLAST\tMADE", func(d client.Delivery) []string {
			return []string{
				d.DeliveryID, strconv.FormatInt(d.Sequence, 10), d.Event, d.State, strconv.Itoa(d.Attempts), lastTry(d), c.whenShort(d.CreatedAt),
			}
		})
	})
}

// lastTry is what came of the newest attempt.
func lastTry(d client.Delivery) string {
	if len(d.Tries) == 0 {
		return ""
	}
	return tryText(d.Tries[len(d.Tries)-1])
}

func tryText(t client.DeliveryTry) string {
	text := t.Outcome
	if t.Status != 0 {
		text += " " + strconv.Itoa(t.Status)
	}
	return fmt.Sprintf("%s, %.0f ms", text, t.TookMs)
}

func (c *command) deliveryLines(d client.Delivery) [][2]string {
	lines := [][2]string{
		{"delivery", d.DeliveryID},
		{"webhook", d.WebhookID},
		{"event", d.Event},
		{"event id", d.EventID},
		{"number", strconv.FormatInt(d.Sequence, 10)},
		{"state", d.State},
		{"made", c.when(d.CreatedAt)},
	}
	if !d.EndedAt.IsZero() {
		lines = append(lines, [2]string{"ended", c.when(d.EndedAt)})
	} else {
		lines = append(lines, [2]string{"next try", c.when(d.NextAt)})
	}
	for _, t := range d.Tries {
		var text strings.Builder
		text.WriteString(tryText(t))
		for _, more := range []string{t.Problem, t.Response} {
			if more != "" {
				text.WriteString(": " + more)
			}
		}
		lines = append(lines, [2]string{"tried " + c.whenShort(t.At), text.String()})
	}
	return append(lines, [2]string{"payload", string(d.Payload)})
}
