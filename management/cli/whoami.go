package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func whoami(o Options) *cobra.Command {
	c := &command{Options: o}
	cmd := &cobra.Command{
		Use: "whoami", Short: "say whose token this is, and what it may do",
		Long: `Asks the server who the caller is: the admin token or the person that the audit
log names, the role, the namespaces that it is limited to, and when the token
ends. Nothing of the token's text is shown.` + "\n\n" + connectHelp + "\n\n" + exitHelp(),
		Example: `  credence whoami
  credence whoami --token-file ci.token -o json
  credence whoami --context prod`,
	}
	c.connectFlags(cmd)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		who, err := api.Me(ctx, client.MeInput{})
		if err != nil {
			return err
		}
		return c.show(who, [][2]string{
			{"who", who.Actor},
			{"role", who.Role},
			{"namespaces", first(listText(who.Namespaces), "(all)")},
			{"expires", first(c.when(who.ExpiresAt), "never")},
		})
	})
}
