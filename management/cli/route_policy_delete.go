package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func routePolicyDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete a route policy",
		Long: `Deletes a route policy. Whether a proxy still names it cannot be known: a route
that does is answered 503 from then on. A request that a rule of its host and
path chose gets the next rule's policy, or none: then keys of the namespace
default are accepted.`,
		Example: "  credence route-policies delete orders\n  credence route-policies delete orders --yes --wait 2s",
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			p, err := api.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: args[0]})
			if err != nil {
				return err
			}
			return c.wouldDo("the route policy would be deleted", p, c.routePolicyLines(p))
		}
		if err := c.confirm(yes, "Delete route policy "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.RoutePolicy, error) {
			return api.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: args[0]})
		})
		if err != nil {
			return err
		}
		gone, err := api.RoutePolicyDelete(ctx, client.RoutePolicyDeleteInput{Name: args[0], IfMatch: tag, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		if err := c.done("route policy " + args[0] + " deleted"); err != nil || gone.Receipt == nil {
			return err
		}
		return c.showChanged(gone, nil, gone.Receipt)
	})
}
