package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func tokenCreate(c *command) *cobra.Command {
	var body client.TokenCreate
	var expires, file, idempotency string
	cmd := &cobra.Command{
		Use:   "create --name NAME --role ROLE",
		Short: "make an admin token and show its text, once",
		Long: `Makes an admin token. It may do no more than the one you use: its role, its
namespaces and its life are at most yours. The text is printed this once and
stored nowhere; with --save-to it goes to a new file (mode 0600) instead.`,
		Example: `  credence tokens create --name ci --role operator --namespace payments --expires 90d --save-to ci.token
  credence tokens create --name grafana --role viewer --expires 1d -o json`,
	}
	f := cmd.Flags()
	f.StringVar(&body.Name, "name", "", "name for people")
	f.StringVar(&body.Role, "role", "", "viewer, auditor, operator or admin")
	f.StringSliceVarP(&body.Namespaces, "namespace", "n", nil, "namespace that it is limited to; may be repeated; without any it may act in all")
	f.StringVar(&expires, "expires", "", "how long it lives (720h, 90d), until when (2030-01-31T00:00:00Z), or never (default 90d, or as long as you may give)")
	saveFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if body.ExpiresIn, body.ExpiresAt, err = tokenLife(expires); err != nil {
			return err
		}
		return c.tokenText(file, func() (client.TokenCreated, error) {
			return api.TokenCreate(ctx, client.TokenCreateInput{IdempotencyKey: idempotency, Body: body})
		})
	})
}

// saveFlag names the file of a new text; --token-file is the one to ask with.
func saveFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "save-to", "", "write the token to this new file, not to the screen")
}

// tokenText makes a token and shows its text, or writes it to a file.
func (c *command) tokenText(file string, create func() (client.TokenCreated, error)) error {
	return showOnce(c, file, create, func(made *client.TokenCreated) once {
		lines := c.tokenLines(made.Token)
		if made.Previous != nil {
			lines = append(lines, [2]string{"takes over from", made.Previous.TokenID}, [2]string{"which ends", c.when(made.Previous.ExpiresAt)})
		}
		return once{
			label: "token", text: &made.TokenText, code: made.Code, lines: lines,
			lost: "admin token " + made.Token.TokenID + " was made, but its text is lost", remedy: "revoke it and make another", written: "admin token",
			shown: "The token is shown this once and stored nowhere: keep it in a safe place now.",
			again: "This token was made by an earlier command with the same --idempotency-key; its text is not shown again.",
		}
	})
}
