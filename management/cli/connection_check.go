package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func (k connectionKind) connectionCheck(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "check NAME", Short: "call the server of a connection, and say what it may do there and what it lacks",
		Long: `Calls the server and says its version, who the credential belongs to, what the
connection may do there and what it lacks for its work, with the remedy. It
fails when something is lacking. A connection that was paused because its
credential was not accepted, and is accepted now, is used again.`,
		Example: k.line("check main"),
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		checked, err := k.check(api, ctx, client.ConnectionInput{Name: args[0]})
		if err != nil {
			return err
		}
		if err := c.show(checked, checkLines(checked)); err != nil {
			return err
		}
		if !checked.Fine {
			return errors.New("the connection cannot do its work")
		}
		return nil
	})
}

func checkLines(checked client.ConnectionChecked) [][2]string {
	lines := [][2]string{
		{"connection", checked.Connection.Name},
		{"state", checked.Connection.State},
		{"server version", checked.ServerVersion},
		{"account", checked.Account},
		{"may", listText(checked.Rights)},
	}
	for _, m := range checked.Missing {
		lines = append(lines, [2]string{"lacks", m.What + ": " + m.Remedy})
	}
	for _, m := range checked.Warnings {
		lines = append(lines, [2]string{"warning", m.What + ": " + m.Remedy})
	}
	if p := checked.Problem; p != nil {
		lines = append(lines, [2]string{"problem", p.Kind + ": " + p.Message}, [2]string{"remedy", p.Remedy})
	}
	return lines
}
