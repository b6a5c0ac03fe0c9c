package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func webhookList(c *command) *cobra.Command {
	var in client.WebhookListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list webhooks, oldest first",
		Long: `Lists the webhooks that you may see: those of your namespaces, and those that
are told of everything if you are not limited to namespaces.`,
		Example: "  credence webhooks list\n  credence webhooks list --namespace payments -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those of this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Webhook], error) {
			in.PageInput = p
			return api.WebhookList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tNAMESPACE\tSTATUS\tEVENTS\tURL", func(w client.Webhook) []string {
			status := w.Status
			if status == "enabled" && w.Failures > 0 {
				status = "failing"
			}
			return []string{w.WebhookID, first(w.Namespace, "(all)"), status, clip(strings.Join(w.Events, ",")), clip(w.URL)}
		})
	})
}
