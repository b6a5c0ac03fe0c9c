package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func routePolicyShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "show a route policy",
		Long:    `Shows a route policy: what it demands, and which requests it is chosen for.`,
		Example: "  credence route-policies show orders",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		found, err := api.RoutePolicyShow(ctx, client.RoutePolicyShowInput{Name: args[0]})
		if err != nil {
			return err
		}
		return c.show(found, c.routePolicyLines(found))
	})
}

func (c *command) routePolicyLines(p client.RoutePolicy) [][2]string {
	return [][2]string{
		{"name", p.Name},
		{"description", p.Description},
		{"accepts", accepts(p)},
		{"scopes", listText(p.Scopes)},
		{"environment", p.Environment},
		{"cost", strconv.FormatInt(p.Cost, 10)},
		{"mode", p.Mode},
		{"hosts", listText(p.Hosts)},
		{"paths", listText(p.Paths)},
		{"methods", listText(p.Methods)},
		{"created", c.when(p.CreatedAt)},
		{"updated", c.when(p.UpdatedAt)},
	}
}
