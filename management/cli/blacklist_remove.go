package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistRemove(c *command) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "remove ID", Short: "end a blacklist rule before its time",
		Long: `Ends a rule: clients of its network are let in again, unless another rule holds
them too.`,
		Example: "  credence blacklist remove blk_01jc8zq8m4x0",
	}
	c.waitFlag(cmd)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			r, err := api.BlacklistShow(ctx, client.BlacklistShowInput{ID: args[0]})
			if err != nil {
				return err
			}
			return c.wouldDo("the rule would end now", r, c.ruleLines(r))
		}
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
