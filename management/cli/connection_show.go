package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "show a connection to a " + k.title + " server",
		Long:    "Shows a connection: where it leads, what it may be used for and how it stands. The\ncredential is not shown.",
		Example: k.line("show main"),
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		is, err := k.show(api, ctx, client.ConnectionInput{Name: args[0]})
		if err != nil {
			return err
		}
		return c.show(is, c.connectionLines(is))
	})
}
