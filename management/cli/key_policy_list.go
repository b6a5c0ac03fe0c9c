package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/timespan"
)

func keyPolicyList(c *command) *cobra.Command {
	var in client.KeyPolicyListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list what keys of each type are held to",
		Long: `Lists what keys of each type are held to, everywhere or in a namespace: longest
and default life, whether an end, scopes and a reason are demanded, and how often
they are to be rotated.`,
		Example: "  credence key-policies list\n  credence key-policies list --namespace payments -o json",
	}
	namespaceFlag(cmd, &in.Namespace, "what holds in this namespace (default: what holds in all)")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		found, err := api.KeyPolicyList(ctx, in)
		if err != nil {
			return err
		}
		return showList(c, found, "TYPE\tOF\tLONGEST LIFE\tDEFAULT LIFE\tROTATE EVERY\tDEMANDS", func(p client.KeyPolicy) []string {
			return []string{p.KeyType, first(p.Namespace, "(all)"), timespan.Said(p.LongestLife), timespan.Said(p.DefaultLife), timespan.Said(p.RotateEvery), demands(p)}
		})
	})
}

func demands(p client.KeyPolicy) string {
	var all []string
	for _, d := range []struct {
		is   bool
		name string
	}{{p.ExpiryRequired, "expiry"}, {p.ScopesRequired, "scopes"}, {p.ReasonRequired, "reason"}} {
		if d.is {
			all = append(all, d.name)
		}
	}
	return strings.Join(all, ", ")
}
