package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func usageQuotas(c *command) *cobra.Command {
	in := client.UsageQuotasInput{}
	cmd := &cobra.Command{
		Use: "quotas", Short: "show who is close to a quota, the fullest first",
		Long: `Shows how much of each quota is used in the day or month that runs. Replicas
reserve blocks, so it may be a little more than was spent. It shows 50, or up to
--max, or with --all every one.`,
		Example: "  credence usage quotas\n  credence usage quotas --at-least 0 --all\n  credence usage quotas --at-least 50 --namespace payments -o csv",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only quotas of this namespace")
	cmd.Flags().IntVar(&in.AtLeast, "at-least", 80, "only quotas of which so much is used, in percent")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		asked := in
		if asked.AtLeast == 0 {
			asked.AtLeast = -1
		}
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.QuotaState], error) {
			asked.PageInput = p
			return api.UsageQuotas(ctx, asked)
		})
		if err != nil {
			return err
		}
		if c.output == "csv" {
			c.tellMore(list.NextCursor)
			return c.csv([]string{"namespace", "key_id", "owner", "quota", "used", "limit", "end"}, len(list.Items), func(i int) []string {
				q := list.Items[i]
				return []string{
					q.Namespace, q.KeyID, q.Owner, q.Name, strconv.FormatInt(q.Used, 10), strconv.FormatInt(q.Limit, 10),
					q.End.UTC().Format(time.RFC3339),
				}
			})
		}
		return showList(c, list, "NAMESPACE\tKEY\tOWNER\tQUOTA\tUSED\tOF\tREFILLS", func(q client.QuotaState) []string {
			return []string{
				q.Namespace, q.KeyID, clip(q.Owner), q.Name, strconv.FormatFloat(q.Percent, 'f', 0, 64) + "%",
				strconv.FormatInt(q.Limit, 10), c.whenShort(q.End), bar(min(q.Used, q.Limit), q.Limit),
			}
		})
	})
}
