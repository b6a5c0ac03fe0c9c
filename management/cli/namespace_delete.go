package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete an empty namespace",
		Long:    "Deletes a namespace in which nothing lives any more.",
		Example: "  credence namespaces delete payments",
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
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
