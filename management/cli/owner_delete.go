package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func ownerDelete(c *command) *cobra.Command {
	var namespace, ifMatch string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete an owner that no key refers to",
		Long:    "Deletes an owner that no key belongs to.",
		Example: "  credence owners delete team-a",
	}
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			p, err := api.OwnerShow(ctx, client.OwnerShowInput{Name: args[0], Namespace: namespace})
			if err == nil {
				err = c.inUse(ctx, api, "the owner", client.KeyFilter{Owner: p.Name, Namespace: p.Namespace})
			}
			if err != nil {
				return err
			}
			return c.wouldDo("the owner would be deleted", p, c.ownerLines(p))
		}
		if err := c.confirm(yes, "Delete owner "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Owner, error) {
			return api.OwnerShow(ctx, client.OwnerShowInput{Name: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		if err := api.OwnerDelete(ctx, client.OwnerDeleteInput{Name: args[0], Namespace: namespace, IfMatch: tag}); err != nil {
			return err
		}
		return c.done("owner " + args[0] + " deleted")
	})
}
