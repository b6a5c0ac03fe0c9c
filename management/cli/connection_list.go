package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionList(c *command) *cobra.Command {
	var in client.ConnectionListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list connections to " + k.title + " servers, by name",
		Long: `Lists the connections that you may use: those of your namespaces, and those of
none if you are not limited to namespaces.`,
		Example: k.line("list"),
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those of this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Connection], error) {
			in.PageInput = p
			return k.list(api, ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "NAME\tNAMESPACE\tSTATE\tVERSION\tLOGINS\tSCOPES\tURL", func(is client.Connection) []string {
			return []string{
				is.Name, first(is.Namespace, "(all)"), is.State, is.ServerVersion,
				clip(strings.Join(is.Logins, ",")), clip(strings.Join(is.Scopes, ",")), clip(is.URL),
			}
		})
	})
}
