package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show KEY_ID", Short: "show an API key of an n8n account",
		Long:    "Shows what is known of an API key. The secret is not shown.",
		Example: "  credence n8n keys show n8k_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		t, err := api.N8NKeyShow(ctx, client.N8NKeyInput{ID: args[0]})
		if err != nil {
			return err
		}
		return c.show(t, c.n8nKeyLines(t))
	})
}
