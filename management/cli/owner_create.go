package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func ownerCreate(c *command) *cobra.Command {
	var namespace, description, idempotency, contact string
	var rates, budgets []string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "make an owner",
		Long: `Makes an owner: a team, user or service that keys belong to. Its limits and quotas
are shared by all keys that it owns.`,
		Example: `  credence owners create team-a --limit 500/s --contact team-a@example.com`,
	}
	cmd.Flags().StringVar(&description, "description", "", "for people")
	cmd.Flags().StringVar(&contact, "contact", "", "how to reach it")
	budgetFlags(cmd, &rates, &budgets)
	namespaceFlag(cmd, &namespace, "namespace to make it in (default: default)")
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body := client.OwnerCreate{Namespace: namespace, Name: args[0], Description: description, Contact: contact}
		var err error
		if body.Limits, err = limits(rates); err != nil {
			return err
		}
		if body.Quotas, err = quotas(budgets); err != nil {
			return err
		}
		made, err := api.OwnerCreate(ctx, client.OwnerCreateInput{IdempotencyKey: idempotency, Body: body})
		if err != nil {
			return err
		}
		return c.show(made, c.ownerLines(made))
	})
}
