package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planDelete(c *command) *cobra.Command {
	var namespace, ifMatch string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete a plan that no key refers to",
		Long:    "Deletes a plan. One that keys are still on stays, and some of them are named.",
		Example: "  credence plans delete basic",
	}
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			p, err := api.PlanShow(ctx, client.PlanShowInput{Name: args[0], Namespace: namespace})
			if err == nil {
				err = c.inUse(ctx, api, "the plan", client.KeyFilter{Plan: p.Name, Namespace: p.Namespace})
			}
			if err != nil {
				return err
			}
			return c.wouldDo("the plan would be deleted", p, c.planLines(p))
		}
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
