package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planDelete(c *command) *cobra.Command {
	var namespace, ifMatch string
	var yes bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete a plan that no key refers to",
		Long:    "Deletes a plan that no key is on.",
		Example: "  credence plans delete basic",
	}
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete plan "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Plan, error) {
			return api.PlanShow(ctx, client.PlanShowInput{Name: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		if err := api.PlanDelete(ctx, client.PlanDeleteInput{Name: args[0], Namespace: namespace, IfMatch: tag}); err != nil {
			return err
		}
		return c.done("plan " + args[0] + " deleted")
	})
}
