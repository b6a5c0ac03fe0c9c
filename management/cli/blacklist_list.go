package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistList(c *command) *cobra.Command {
	var in client.BlacklistListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list blacklist rules, oldest first",
		Long: `Lists the networks whose clients are refused, everywhere or in a namespace, and
when each rule ends by itself.`,
		Example: "  credence blacklist list\n  credence blacklist list --global -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only rules of this namespace")
	cmd.Flags().BoolVar(&in.Global, "global", false, "only rules that refuse everywhere")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.BlacklistRule], error) {
			in.PageInput = p
			return api.BlacklistList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, ruleHeader, c.ruleRow)
	})
}

const ruleHeader = "ID\tNETWORK\tNAMESPACE\tENDS\tREASON"

func (c *command) ruleRow(r client.BlacklistRule) []string {
	return []string{r.ID, r.Network, first(r.Namespace, "(all)"), first(c.whenShort(r.EndsAt), "never"), clip(r.Reason)}
}
