package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete an empty namespace",
		Long:    "Deletes a namespace in which nothing lives any more.",
		Example: "  credence namespaces delete payments",
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			return c.namespaceDeletion(ctx, api, args[0])
		}
		if err := c.confirm(yes, "Delete namespace "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Namespace, error) {
			return api.NamespaceShow(ctx, client.NamespaceShowInput{Name: args[0]})
		})
		if err != nil {
			return err
		}
		if err := api.NamespaceDelete(ctx, client.NamespaceDeleteInput{Name: args[0], IfMatch: tag}); err != nil {
			return err
		}
		return c.done("namespace " + args[0] + " deleted")
	})
}

// namespaceDeletion says what would become of the namespace.
func (c *command) namespaceDeletion(ctx context.Context, api *client.Client, name string) error {
	n, err := api.NamespaceShow(ctx, client.NamespaceShowInput{Name: name})
	if err != nil {
		return err
	}
	if err := c.inUse(ctx, api, "the namespace", client.KeyFilter{Namespace: name}); err != nil {
		return err
	}
	one := client.PageInput{Limit: 1}
	plans, err := api.PlanList(ctx, client.PlanListInput{Namespace: name, PageInput: one})
	if err != nil {
		return err
	}
	owners, err := api.OwnerList(ctx, client.OwnerListInput{Namespace: name, PageInput: one})
	if err != nil {
		return err
	}
	rules, err := api.BlacklistList(ctx, client.BlacklistListInput{Namespace: name, PageInput: one})
	if err != nil {
		return err
	}
	if len(plans.Items)+len(owners.Items)+len(rules.Items) > 0 {
		return conflict("dry run: the namespace would stay: plans, owners or blacklist rules live in it")
	}
	return c.wouldDo("the namespace would be deleted, unless an admin token is limited to it", n, c.namespaceLines(n))
}
