package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistRemove(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove ID", Short: "end a blacklist rule before its time",
		Example: "  credence blacklist remove blk_01jc8zq8m4x0",
	}
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		removed, err := api.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: args[0], WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		if err := c.done("blacklist rule " + args[0] + " removed"); err != nil || removed.Receipt == nil {
			return err
		}
		return c.showChanged(removed, nil, removed.Receipt)
	})
}
