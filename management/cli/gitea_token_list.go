package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenList(c *command) *cobra.Command {
	var in client.GiteaTokenListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list access tokens of Gitea users, oldest first",
		Long: `Lists what is known of the access tokens of the connections that you may use.
States: making and deleting are under way, active is as it should be, widened
has more scopes on the server than it was given, missing is on the server no
more, stranger is on the server and was not made here.`,
		Example: "  credence gitea tokens list --connection main\n  credence gitea tokens list --state stranger",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those of this namespace")
	f := cmd.Flags()
	f.StringVar(&in.Connection, "connection", "", "only those of this connection")
	f.StringVar(&in.Login, "login", "", "only those of this user")
	f.StringVar(&in.Owner, "owner", "", "only those that this owner answers for")
	f.StringVar(&in.State, "state", "", "only those in this state")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.GiteaToken], error) {
			in.PageInput = p
			return api.GiteaTokenList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tUSER\tNAME\tSTATE\tSCOPES\tOWNER\tLAST USED\tDELETED", func(t client.GiteaToken) []string {
			return []string{
				t.TokenID, t.Login, clip(t.TokenName), t.State, clip(strings.Join(t.Scopes, ",")), clip(t.Owner), c.whenShort(t.LastUsedAt), c.whenShort(t.ExpiresAt),
			}
		})
	})
}
