package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyRevoke(c *command) *cobra.Command {
	var reason string
	var yes bool
	cmd := &cobra.Command{
		Use: "revoke KEY_ID", Short: "revoke a key for good",
		Long: `Revokes a key for good: it is refused from the next request on and can never
be enabled again. To take it back for a while, disable it.`,
		Example: `  credence keys revoke key_01jc8zq8m4x0 --reason "left the company"
  credence keys revoke key_01jc8zq8m4x0 --reason leaked --yes --wait 2s`,
	}
	reasonFlag(cmd, &reason)
	c.waitFlag(cmd)
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Revoke "+printable(args[0])+"? This cannot be undone."); err != nil {
			return err
		}
		return c.changeStatus(ctx, api.KeyRevoke, args[0], reason)
	})
}
