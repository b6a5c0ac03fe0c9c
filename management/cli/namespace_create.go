package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func namespaceCreate(c *command) *cobra.Command {
	var body client.NamespaceCreate
	var idempotency string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "make a namespace",
		Long: `Makes a namespace: a boundary between tenants. Keys, plans and owners live in one,
and an admin token can be limited to some.`,
		Example: `  credence namespaces create payments --key-prefix pay --environment test`,
	}
	cmd.Flags().StringVar(&body.Description, "description", "", "for people")
	cmd.Flags().StringVar(&body.KeyPrefix, "key-prefix", "", "first word of key texts made here (default: crd)")
	cmd.Flags().StringVar(&body.Environment, "environment", "", "second word of key texts when a key names none (default: live)")
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body.Name = args[0]
		made, err := api.NamespaceCreate(ctx, client.NamespaceCreateInput{IdempotencyKey: idempotency, Body: body})
		if err != nil {
			return err
		}
		return c.show(made, c.namespaceLines(made))
	})
}
