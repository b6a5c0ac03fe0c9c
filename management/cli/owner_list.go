package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func ownerList(c *command) *cobra.Command {
	var in client.OwnerListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list owners, by name",
		Long:    `Lists owners with the limits and quotas that their keys share.`,
		Example: "  credence owners list\n  credence owners list --namespace payments -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only owners of this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Owner], error) {
			in.PageInput = p
			return api.OwnerList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "NAME\tNAMESPACE\tLIMITS\tQUOTAS\tDESCRIPTION", func(o client.Owner) []string {
			return []string{o.Name, o.Namespace, limitText(o.Limits), quotaText(o.Quotas), clip(o.Description)}
		})
	})
}
