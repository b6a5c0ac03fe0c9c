package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func ownerShow(c *command) *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use: "show NAME", Short: "show an owner",
		Long:    `Shows an owner: whom to ask about its keys, and what they share.`,
		Example: "  credence owners show team-a",
	}
	namespaceFlag(cmd, &namespace, "namespace it lives in (default: default)")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		found, err := api.OwnerShow(ctx, client.OwnerShowInput{Name: args[0], Namespace: namespace})
		if err != nil {
			return err
		}
		return c.show(found, c.ownerLines(found))
	})
}

func (c *command) ownerLines(o client.Owner) [][2]string {
	return [][2]string{
		{"name", o.Name},
		{"namespace", o.Namespace},
		{"description", o.Description},
		{"contact", o.Contact},
		{"limits", limitText(o.Limits)},
		{"quotas", quotaText(o.Quotas)},
		{"created", c.when(o.CreatedAt)},
		{"updated", c.when(o.UpdatedAt)},
	}
}
