package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyPolicyReset(c *command) *cobra.Command {
	var namespace, ifMatch string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "reset TYPE --namespace NAME", Short: "have a namespace keep to the policy of all again",
		Long: `Drops the policy that a namespace has of its own for a type: the one of all
namespaces holds for its keys again.`,
		Example: "  credence key-policies reset user --namespace payments",
	}
	namespaceFlag(cmd, &namespace, "namespace whose own policy goes")
	matchFlag(cmd, &ifMatch)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			p, err := api.KeyPolicyShow(ctx, client.KeyPolicyShowInput{KeyType: args[0], Namespace: namespace})
			if err != nil {
				return err
			}
			return c.wouldDo("the namespace would keep to the policy of all again", p, c.policyLines(p))
		}
		tag, err := match(ifMatch, func() (client.KeyPolicy, error) {
			return api.KeyPolicyShow(ctx, client.KeyPolicyShowInput{KeyType: args[0], Namespace: namespace})
		})
		if err != nil {
			return err
		}
		if err := api.KeyPolicyReset(ctx, client.KeyPolicyResetInput{KeyType: args[0], Namespace: namespace, IfMatch: tag}); err != nil {
			return err
		}
		return c.done(args[0] + " keys of " + namespace + " keep to the policy of all namespaces")
	})
}
