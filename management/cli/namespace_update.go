package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceUpdate(c *command) *cobra.Command {
	var description, prefix, environment, ifMatch string
	cmd := &cobra.Command{
		Use: "update NAME", Short: "change a namespace",
		Long:    "Changes what is given and leaves the rest. Keys that exist keep their text.",
		Example: `  credence namespaces update payments --description "card payments"`,
	}
	cmd.Flags().StringVar(&description, "description", "", "for people")
	cmd.Flags().StringVar(&prefix, "key-prefix", "", "first word of key texts made from now on")
	cmd.Flags().StringVar(&environment, "environment", "", "second word of key texts when a key names none")
	matchFlag(cmd, &ifMatch)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		f := cmd.Flags()
		tag, err := match(ifMatch, func() (client.Namespace, error) {
			return api.NamespaceShow(ctx, client.NamespaceShowInput{Name: args[0]})
		})
		if err != nil {
			return err
		}
		changed, err := api.NamespaceUpdate(ctx, client.NamespaceUpdateInput{Name: args[0], IfMatch: tag, Body: client.NamespaceUpdate{
			Description: set(f, "description", description), KeyPrefix: set(f, "key-prefix", prefix), Environment: set(f, "environment", environment),
		}})
		if err != nil {
			return err
		}
		return c.show(changed, c.namespaceLines(changed))
	})
}
