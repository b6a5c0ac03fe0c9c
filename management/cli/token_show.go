package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func tokenShow(c *command) *cobra.Command {
	return c.verb(&cobra.Command{
		Use: "show TOKEN_ID", Short: "show an admin token",
		Long: `Shows an admin token: what it may do, until when, and when it was last used. Its
text is stored nowhere and cannot be shown.`,
		Example: "  credence tokens show tok_01jc8zq8m4x0",
	}, 1, func(ctx context.Context, api *client.Client, args []string) error {
		t, err := api.TokenShow(ctx, client.TokenShowInput{TokenID: args[0]})
		if err != nil {
			return err
		}
		return c.show(t, c.tokenLines(t))
	})
}

func (c *command) tokenLines(t client.Token) [][2]string {
	return [][2]string{
		{"token id", t.TokenID},
		{"name", t.Name},
		{"role", t.Role},
		{"namespaces", first(listText(t.Namespaces), "(all)")},
		{"status", t.Status},
		{"expires", first(c.when(t.ExpiresAt), "never")},
		{"revoked", c.when(t.RevokedAt)},
		{"created by", t.CreatedBy},
		{"created", c.when(t.CreatedAt)},
		{"last used", first(c.when(t.LastUsedAt), "never")},
	}
}
