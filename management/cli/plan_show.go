package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planShow(c *command) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "show a plan",
		Long:    `Shows a plan: what each key on it may use.`,
		Example: "  credence plans show basic",
	}
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		found, err := api.PlanShow(ctx, client.PlanShowInput{Name: args[0], Namespace: namespace})
		if err != nil {
			return err
		}
		return c.show(found, c.planLines(found))
	})
}

func (c *command) planLines(o client.Plan) [][2]string {
	return [][2]string{
		{"name", o.Name},
		{"namespace", o.Namespace},
		{"description", o.Description},
		{"limits", limitText(o.Limits)},
		{"quotas", quotaText(o.Quotas)},
		{"created", c.when(o.CreatedAt)},
		{"updated", c.when(o.UpdatedAt)},
	}
}
