package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyPolicyCheck(c *command) *cobra.Command {
	var in client.KeyPolicyCheckInput
	cmd := &cobra.Command{
		Use: "check", Short: "list keys that break the policy of their type, or are to be rotated",
		Long: `Lists the keys in force that break the policy of their type as it is now, and
those that it wants rotated soon, or wanted rotated before now. A part of the
list may be short with more to come: --all shows everything.`,
		Example: "  credence key-policies check --all\n  credence key-policies check --namespace payments -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only keys of this namespace")
	cmd.Flags().StringVar(&in.KeyType, "type", "", "only keys of this type")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		found, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.KeyBreach], error) {
			in.PageInput = p
			return api.KeyPolicyCheck(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, found, "KEY ID\tNAME\tNAMESPACE\tTYPE\tROTATE\tBREAKS", func(b client.KeyBreach) []string {
			var broken []string
			for _, f := range b.Breaches {
				broken = append(broken, f.Field)
			}
			return []string{b.KeyID, clip(b.Name), b.Namespace, b.KeyType, c.whenShort(b.RotateBy), strings.Join(broken, ", ")}
		})
	})
}
