package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceShow(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "show NAME", Short: "show a namespace",
		Long: `Shows a namespace: the prefix and environment that its keys get, and what it is
for.`,
		Example: "  credence namespaces show payments",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		found, err := api.NamespaceShow(ctx, client.NamespaceShowInput{Name: args[0]})
		if err != nil {
			return err
		}
		return c.show(found, c.namespaceLines(found))
	})
}

func (c *command) namespaceLines(n client.Namespace) [][2]string {
	return [][2]string{
		{"name", n.Name},
		{"description", n.Description},
		{"key prefix", n.KeyPrefix},
		{"environment", n.Environment},
		{"created", c.when(n.CreatedAt)},
		{"updated", c.when(n.UpdatedAt)},
	}
}
