package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func giteaTokenVerify(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify TOKEN_ID", Short: "try an access token of a Gitea user out",
		Long: `Sends the token to the server and says what came of it: valid, valid_limited (it
is accepted, and may not do what was tried), invalid, blocked (its user may not
act now) or unknown (nobody can say now). It fails unless the token is accepted.
On the server this counts as a use.`,
		Example: "  credence gitea tokens verify gtk_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		v, err := api.GiteaTokenVerify(ctx, client.GiteaTokenInput{TokenID: args[0]})
		if err != nil {
			return err
		}
		if err := c.show(v, append([][2]string{{"outcome", v.Outcome}, {"why", v.Why}}, c.giteaTokenLines(v.Token)...)); err != nil {
			return err
		}
		if v.Outcome != "valid" && v.Outcome != "valid_limited" {
			return errors.New("the token is not accepted: " + v.Outcome)
		}
		return nil
	})
}
