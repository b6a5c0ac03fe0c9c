package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func ownerUpdate(c *command) *cobra.Command {
	var namespace, description, ifMatch, contact string
	var rates, budgets []string
	cmd := &cobra.Command{
		Use: "update NAME", Short: "change an owner",
		Long: "Changes what is given and leaves the rest. An empty value clears.",
		Example: `  credence owners update team-a --limit 1000/s
  credence owners update team-a --contact ""`,
	}
	cmd.Flags().StringVar(&description, "description", "", "for people")
	cmd.Flags().StringVar(&contact, "contact", "", "how to reach it")
	budgetFlags(cmd, &rates, &budgets)
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	matchFlag(cmd, &ifMatch)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		f := cmd.Flags()
		body := client.OwnerUpdate{Contact: set(f, "contact", contact), Description: set(f, "description", description)}
		var err error
		if body.Limits, err = setParsed(f, "limit", rates, limits); err != nil {
			return err
		}
		if body.Quotas, err = setParsed(f, "quota", budgets, quotas); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Owner, error) {
			return api.OwnerShow(ctx, client.OwnerShowInput{Name: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		changed, err := api.OwnerUpdate(ctx, client.OwnerUpdateInput{Name: args[0], Namespace: namespace, IfMatch: tag, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		return c.showChanged(changed, c.ownerLines(changed.Owner), changed.Receipt)
	})
}
