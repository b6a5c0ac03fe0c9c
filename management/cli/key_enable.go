package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyEnable(c *command) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "enable KEY_ID", Short: "let a disabled or suspended key in again",
		Long: `Lets a key in again that was disabled by a person or suspended on suspicion. A
revoked or expired key stays refused.`,
		Example: `  credence keys enable key_01jc8zq8m4x0 --reason "all clear"`,
	}
	reasonFlag(cmd, &reason)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return c.changeStatus(ctx, api.KeyEnable, args[0], reason)
	})
}
