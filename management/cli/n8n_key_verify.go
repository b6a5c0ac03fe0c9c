package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func n8nKeyVerify(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify KEY_ID", Short: "try an API key of an n8n account out",
		Long: `Sends the key to n8n and says what came of it: valid, valid_limited (it is
accepted, and may not do what was tried), invalid or unknown (nobody can say
now). It fails unless the key is accepted. At n8n this counts as a use.`,
		Example: "  credence n8n keys verify n8k_06f5x9v3q7b2n6c0m4k8d1w5tz",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		v, err := api.N8NKeyVerify(ctx, client.N8NKeyInput{ID: args[0]})
		if err != nil {
			return err
		}
		if err := c.show(v, append([][2]string{{"outcome", v.Outcome}, {"why", v.Why}}, c.n8nKeyLines(v.Key)...)); err != nil {
			return err
		}
		if v.Outcome != "valid" && v.Outcome != "valid_limited" {
			return errors.New("the key is not accepted: " + v.Outcome)
		}
		return nil
	})
}
