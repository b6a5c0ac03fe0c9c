package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceList(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list namespaces, by name",
		Long: `Lists the namespaces that the token may act in, with the prefix and environment
that their keys get.`,
		Example: "  credence namespaces list",
	}
	page := pagingFlags(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Namespace], error) {
			return api.NamespaceList(ctx, client.NamespaceListInput{PageInput: p})
		})
		if err != nil {
			return err
		}
		return showList(c, list, "NAME\tKEY PREFIX\tENVIRONMENT\tDESCRIPTION", func(n client.Namespace) []string {
			return []string{n.Name, n.KeyPrefix, n.Environment, clip(n.Description)}
		})
	})
}
