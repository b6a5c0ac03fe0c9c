package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyRotate(c *command) *cobra.Command {
	var overlap, file, idempotency string
	var inPlace bool
	cmd := &cobra.Command{
		Use: "rotate KEY_ID", Short: "give an API key a successor or another secret, and show it, once",
		Long: `Makes a key that takes over, with the same scopes. The old one lives on for the
overlap and is deleted then. With --in-place the same key gets another secret
and the old one is refused at once, which n8n can from 2.28 on.`,
		Example: "  credence n8n keys rotate n8k_06f5x9v3q7b2n6c0m4k8d1w5tz --overlap 2d --save-to new.key",
	}
	cmd.Flags().StringVar(&overlap, "overlap", "", "how long the old one lives on, e.g. 12h or 2d; 0s ends it at once (default: as the key says)")
	cmd.Flags().BoolVar(&inPlace, "in-place", false, "give the same key another secret; the old one is refused at once")
	secretFileFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		length, err := goDuration("overlap", overlap)
		if err != nil {
			return err
		}
		return c.n8nSecret(file, func() (client.N8NKeyCreated, error) {
			return api.N8NKeyRotate(ctx, client.N8NKeyRotateInput{
				ID: args[0], IdempotencyKey: idempotency, Body: &client.N8NKeyRotate{Overlap: length, InPlace: inPlace},
			})
		})
	})
}
