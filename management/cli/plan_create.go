package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planCreate(c *command) *cobra.Command {
	var namespace, description, idempotency string
	var rates, budgets []string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "make a plan",
		Long: `Makes a plan: limits and quotas under a name. Every key on it has them, each for
itself; changing the plan changes them for all.`,
		Example: `  credence plans create basic --limit 100/m --quota 10000/day
  credence plans create burst --limit "10/s burst 50" --namespace payments`,
	}
	cmd.Flags().StringVar(&description, "description", "", "for people")
	budgetFlags(cmd, &rates, &budgets)
	namespaceFlag(cmd, &namespace, "namespace to make it in (default: default)")
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body := client.PlanCreate{Namespace: namespace, Name: args[0], Description: description}
		var err error
		if body.Limits, err = limits(rates); err != nil {
			return err
		}
		if body.Quotas, err = quotas(budgets); err != nil {
			return err
		}
		made, err := api.PlanCreate(ctx, client.PlanCreateInput{IdempotencyKey: idempotency, Body: body})
		if err != nil {
			return err
		}
		return c.show(made, c.planLines(made))
	})
}

// budgetFlags are of everything that has limits and quotas.
func budgetFlags(cmd *cobra.Command, rates, budgets *[]string) {
	cmd.Flags().StringArrayVar(rates, "limit", nil, `rate, e.g. 10/s or "search=100/m burst 20"; may be repeated`)
	cmd.Flags().StringArrayVar(budgets, "quota", nil, "calendar budget, e.g. 10000/day; may be repeated")
}
