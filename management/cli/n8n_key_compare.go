package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyCompare(c *command) *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "compare --connection NAME", Short: "compare what is known with what n8n has",
		Long: `Compares what is known of the keys of a connection with what n8n has for its
account, and shows what is new: strangers, missing and widened keys. The control
plane does the same every hour.`,
		Example: "  credence n8n keys compare --connection main",
	}
	cmd.Flags().StringVar(&connection, "connection", "", "name of the connection")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		out, err := api.N8NKeyCompare(ctx, client.N8NKeyCompareInput{Body: client.N8NKeyCompare{Connection: connection}})
		if err != nil {
			return err
		}
		if c.machine() {
			return c.emit(out)
		}
		if len(out.Items) == 0 {
			fmt.Fprintln(c.Err, "nothing new")
			return nil
		}
		return showList(c, client.List[client.N8NKey]{Items: out.Items}, "ID\tACCOUNT\tLABEL\tSTATE\tSCOPES THERE", func(k client.N8NKey) []string {
			return []string{k.ID, k.Login, clip(k.Label), k.State, clip(strings.Join(k.ServerScopes, ","))}
		})
	})
}
