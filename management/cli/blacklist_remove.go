package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistRemove(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "remove ID", Short: "end a blacklist rule before its time",
		Example: "  credence blacklist remove blk_01jc8zq8m4x0",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := api.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: args[0]}); err != nil {
			return err
		}
		return c.done("blacklist rule " + args[0] + " removed")
	})
}
