package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes, force bool
	cmd := &cobra.Command{
		Use: "delete NAME", Short: "delete a connection to a " + k.title + " server",
		Long: `Deletes a connection. On the server itself nothing is changed. One over which
credentials were made stays until they are deleted; --force forgets them, and
leaves them on the server.`,
		Example: k.line("delete main"),
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	cmd.Flags().BoolVar(&force, "force", false, "forget the credentials that were made over it; they stay on the server")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete connection "+printable(args[0])+"?"); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Connection, error) { return k.show(api, ctx, client.ConnectionInput{Name: args[0]}) })
		if err != nil {
			return err
		}
		if err := k.remove(api, ctx, client.ConnectionDeleteInput{Name: args[0], Force: force, IfMatch: tag}); err != nil {
			return err
		}
		return c.done("connection " + args[0] + " deleted")
	})
}
