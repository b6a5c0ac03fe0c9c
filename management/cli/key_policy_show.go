package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/timespan"
)

func keyPolicyShow(c *command) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: "show TYPE", Short: "show what keys of a type are held to",
		Long: `Shows what keys of a type are held to: that of a namespace if it has one, else
that of all.`,
		Example: "  credence key-policies show emergency",
	}
	namespaceFlag(cmd, &namespace, "what holds in this namespace (default: what holds in all)")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		p, err := api.KeyPolicyShow(ctx, client.KeyPolicyShowInput{KeyType: args[0], Namespace: namespace})
		if err != nil {
			return err
		}
		return c.show(p, c.policyLines(p))
	})
}

func (c *command) policyLines(p client.KeyPolicy) [][2]string {
	return [][2]string{
		{"type", p.KeyType},
		{"policy of", first(p.Namespace, "all namespaces")},
		{"longest life", first(timespan.Said(p.LongestLife), "no bound")},
		{"default life", first(timespan.Said(p.DefaultLife), "for ever")},
		{"rotate every", first(timespan.Said(p.RotateEvery), "never")},
		{"warn before", timespan.Said(p.WarnBefore)},
		{"demands", first(demands(p), "nothing")},
		{"updated", c.when(p.UpdatedAt)},
	}
}
