package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistShow(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "show ID", Short: "show a blacklist rule",
		Long:    `Shows a rule: its network, why it is there, who added it and when it ends.`,
		Example: "  credence blacklist show blk_01jc8zq8m4x0",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		found, err := api.BlacklistShow(ctx, client.BlacklistShowInput{ID: args[0]})
		if err != nil {
			return err
		}
		return c.show(found, c.ruleLines(found))
	})
}

func (c *command) ruleLines(r client.BlacklistRule) [][2]string {
	return [][2]string{
		{"id", r.ID},
		{"network", r.Network},
		{"namespace", first(r.Namespace, "(all)")},
		{"reason", r.Reason},
		{"source", r.Source},
		{"ends", first(c.when(r.EndsAt), "never")},
		{"added by", r.CreatedBy},
		{"added", c.when(r.CreatedAt)},
	}
}
