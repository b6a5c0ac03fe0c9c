package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenCompare(c *command) *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "compare --connection NAME", Short: "compare what is known with what the server has",
		Long: `Compares what is known of the tokens of a connection with what the server has, for
the users that the connection names in full and those whose tokens are known,
and shows what is new: strangers, missing and widened tokens. The control plane
does the same every hour.`,
		Example: "  credence gitea tokens compare --connection main",
	}
	cmd.Flags().StringVar(&connection, "connection", "", "name of the connection")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		out, err := compareAll(ctx, c, api, connection)
		if err != nil {
			return err
		}
		if c.machine() {
			return c.emit(out)
		}
		if len(out.Items) == 0 {
			fmt.Fprintf(c.Err, "%d users compared, nothing new\n", out.Users)
			return nil
		}
		return showList(c, client.List[client.GiteaToken]{Items: out.Items}, "ID\tUSER\tNAME\tSTATE\tSCOPES THERE", func(t client.GiteaToken) []string {
			return []string{t.TokenID, t.Login, clip(t.TokenName), t.State, clip(strings.Join(t.ServerScopes, ","))}
		})
	})
}

// compareAll compares part by part, and tells a person how far it is.
func compareAll(ctx context.Context, c *command, api *client.Client, connection string) (client.GiteaTokensCompared, error) {
	all := client.GiteaTokensCompared{Items: []client.GiteaToken{}}
	for more := true; more; more = all.Next != "" {
		out, err := api.GiteaTokenCompare(ctx, client.GiteaTokenCompareInput{Body: client.GiteaTokenCompare{Connection: connection, After: all.Next}})
		if err != nil {
			return all, err
		}
		all.Users, all.Items, all.Next = all.Users+out.Users, append(all.Items, out.Items...), out.Next
		if out.Next != "" && out.Users > 0 && !c.machine() {
			fmt.Fprintf(c.Err, "%d users compared so far\n", all.Users)
		}
	}
	return all, nil
}
