package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planUpdate(c *command) *cobra.Command {
	var namespace, description, ifMatch string
	var rates, budgets []string
	cmd := &cobra.Command{
		Use: "update NAME", Short: "change a plan",
		Long: "Changes what is given and leaves the rest. An empty value clears.",
		Example: `  credence plans update basic --limit 200/m
  credence plans update basic --quota ""`,
	}
	cmd.Flags().StringVar(&description, "description", "", "for people")
	budgetFlags(cmd, &rates, &budgets)
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	matchFlag(cmd, &ifMatch)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		f := cmd.Flags()
		body := client.PlanUpdate{Description: set(f, "description", description)}
		var err error
		if body.Limits, err = setParsed(f, "limit", rates, limits); err != nil {
			return err
		}
		if body.Quotas, err = setParsed(f, "quota", budgets, quotas); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Plan, error) {
			return api.PlanShow(ctx, client.PlanShowInput{Name: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		changed, err := api.PlanUpdate(ctx, client.PlanUpdateInput{Name: args[0], Namespace: namespace, IfMatch: tag, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		return c.showChanged(changed, c.planLines(changed.Plan), changed.Receipt)
	})
}
