package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keySuspend(c *command) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "suspend KEY_ID", Short: "refuse a key on suspicion until it is enabled again",
		Long: `Refuses a key from the next request on because something about its use is odd.
It is like disable, under a status of its own, so that both can be told apart.`,
		Example: `  credence keys suspend key_01jc8zq8m4x0 --reason "used from two countries"`,
	}
	reasonFlag(cmd, &reason)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return c.changeStatus(ctx, api.KeySuspend, args[0], reason)
	})
}
