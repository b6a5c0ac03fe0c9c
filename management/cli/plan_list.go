package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func planList(c *command) *cobra.Command {
	var in client.PlanListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list plans, by name",
		Long:    `Lists plans with their limits and quotas.`,
		Example: "  credence plans list\n  credence plans list --namespace payments -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only plans of this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Plan], error) {
			in.PageInput = p
			return api.PlanList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "NAME\tNAMESPACE\tLIMITS\tQUOTAS\tDESCRIPTION", func(o client.Plan) []string {
			return []string{o.Name, o.Namespace, limitText(o.Limits), quotaText(o.Quotas), clip(o.Description)}
		})
	})
}
