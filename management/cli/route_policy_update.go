package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func routePolicyUpdate(c *command) *cobra.Command {
	var p policyFields
	var ifMatch string
	cmd := &cobra.Command{
		Use: "update NAME", Short: "change a route policy",
		Long: "Changes what is given and leaves the rest. An empty value clears.",
		Example: `  credence route-policies update orders --scope orders:read,orders:list --wait 2s
  credence route-policies update orders --mode enforce
  credence route-policies update orders --host ""`,
	}
	p.flags(cmd.Flags())
	matchFlag(cmd, &ifMatch)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		f := cmd.Flags()
		body := client.RoutePolicyUpdate{
			Description: set(f, "description", p.description), Namespaces: setList(f, "accept", p.namespaces),
			Scopes: setList(f, "scope", p.scopes), Environment: set(f, "environment", p.environment),
			Mode: set(f, "mode", p.mode), Anonymous: set(f, "anonymous", p.anonymous),
			Hosts: setList(f, "host", p.hosts), Paths: setList(f, "path", p.paths), Methods: setList(f, "method", p.methods),
		}
		if f.Changed("cost") {
			body.Cost = client.Set(p.cost)
		}
		tag, err := match(ifMatch, func() (client.RoutePolicy, error) {
			return api.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: args[0]})
		})
		if err != nil {
			return err
		}
		changed, err := api.RoutePolicyUpdate(ctx, client.RoutePolicyUpdateInput{Name: args[0], IfMatch: tag, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		return c.showChanged(changed, c.routePolicyLines(changed.RoutePolicy), changed.Receipt)
	})
}
