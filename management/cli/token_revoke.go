package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func tokenRevoke(c *command) *cobra.Command {
	var force, yes, dryRun bool
	cmd := &cobra.Command{
		Use: "revoke TOKEN_ID", Short: "revoke an admin token for good",
		Long: `Revokes an admin token: the next request with it is refused. The last token of
an admin without limits stays unless --force is given; then the way back in is
` + "`credence tokens bootstrap --replace`" + ` at the database.`,
		Example: "  credence tokens revoke tok_01jc8zq8m4x0\n  credence tokens revoke tok_01jc8zq8m4x0 --force --yes",
	}
	cmd.Flags().BoolVar(&force, "force", false, "also the last token of an admin without limits")
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			t, err := api.TokenShow(ctx, client.TokenShowInput{TokenID: args[0]})
			if err != nil {
				return err
			}
			return c.wouldDo("the admin token would be revoked, unless it is the last of an admin without limits", t, c.tokenLines(t))
		}
		if err := c.confirm(yes, "Revoke admin token "+printable(args[0])+"? This cannot be undone."); err != nil {
			return err
		}
		t, err := api.TokenRevoke(ctx, client.TokenRevokeInput{TokenID: args[0], Body: &client.TokenRevoke{Force: force}})
		if err != nil {
			return err
		}
		return c.show(t, c.tokenLines(t))
	})
}
