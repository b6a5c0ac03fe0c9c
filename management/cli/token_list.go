package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func tokenList(c *command) *cobra.Command {
	var in client.TokenListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list admin tokens, oldest first",
		Long:    "Lists the admin tokens that can be used, of the namespaces that you may see.",
		Example: "  credence tokens list\n  credence tokens list --ended -o json",
	}
	page := pagingFlags(cmd)
	cmd.Flags().BoolVar(&in.Ended, "ended", false, "also those that are revoked or expired")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Token], error) {
			in.PageInput = p
			return api.TokenList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "TOKEN ID\tNAME\tROLE\tNAMESPACES\tSTATUS\tEXPIRES\tUSED", func(t client.Token) []string {
			return []string{
				t.TokenID, clipTo(t.Name, 16), t.Role, clipTo(first(listText(t.Namespaces), "(all)"), 16), t.Status,
				first(c.whenShort(t.ExpiresAt), "never"), first(c.whenShort(t.LastUsedAt), "never"),
			}
		})
	})
}
