package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func tokenRotate(c *command) *cobra.Command {
	var body client.TokenRotate
	var grace, expires, file, idempotency string
	cmd := &cobra.Command{
		Use: "rotate TOKEN_ID", Short: "make an admin token in the place of another",
		Long: `Makes a token with the name, role and namespaces of another. The old one works
on for --grace and then ends.`,
		Example: "  credence tokens rotate tok_01jc8zq8m4x0 --grace 1d --save-to ci.token.new",
	}
	f := cmd.Flags()
	f.StringVar(&grace, "grace", "", "how long the old token still works, e.g. 1h or 1d (default: not at all)")
	f.StringVar(&expires, "expires", "", "how long the new one lives (720h, 90d), until when, or never (default: as long as the old one was made to live)")
	f.BoolVar(&body.Force, "force", false, "also when the last token of an admin without limits and without an end gets one")
	saveFlag(cmd, &file)
	idempotencyFlag(cmd, &idempotency)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		var err error
		if body.ExpiresIn, body.ExpiresAt, err = tokenLife(expires); err != nil {
			return err
		}
		overlap, err := lifetime("grace", grace)
		if err != nil {
			return err
		}
		body.Grace = overlap.length
		return c.tokenText(file, func() (client.TokenCreated, error) {
			return api.TokenRotate(ctx, client.TokenRotateInput{TokenID: args[0], IdempotencyKey: idempotency, Body: &body})
		})
	})
}

// tokenLife reads --expires of a token: unlike a key's, never must be said.
func tokenLife(value string) (length string, instant time.Time, err error) {
	if value == "never" {
		return value, instant, nil
	}
	end, err := lifetime("expires", value)
	return end.length, end.instant, err
}
