package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyList(c *command) *cobra.Command {
	var in client.N8NKeyListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list API keys of n8n accounts, oldest first",
		Long: `Lists what is known of the API keys of the connections that you may use.
States: making and deleting are under way, active is as it should be, widened
has more scopes at n8n than it was given, missing is at n8n no more, stranger is at n8n and was not made here.`,
		Example: "  credence n8n keys list --connection main\n  credence n8n keys list --state stranger",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those of this namespace")
	f := cmd.Flags()
	f.StringVar(&in.Connection, "connection", "", "only those of this connection")
	f.StringVar(&in.Owner, "owner", "", "only those that this owner answers for")
	f.StringVar(&in.State, "state", "", "only those in this state")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.N8NKey], error) {
			in.PageInput = p
			return api.N8NKeyList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tACCOUNT\tLABEL\tSTATE\tSCOPES\tOWNER\tLAST USED\tENDS", func(t client.N8NKey) []string {
			return []string{
				t.ID, t.Login, clip(t.Label), t.State, clip(strings.Join(t.Scopes, ",")), clip(t.Owner), c.whenShort(t.LastUsedAt), c.whenShort(t.ExpiresAt),
			}
		})
	})
}
