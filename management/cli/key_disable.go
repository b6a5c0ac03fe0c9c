package cli

import (
	"context"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyDisable(c *command) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "disable KEY_ID", Short: "refuse a key until it is enabled again",
		Long: `Refuses a key from the next request on, until somebody enables it again. To take
it back for good, revoke it.`,
		Example: `  credence keys disable key_01jc8zq8m4x0 --reason "investigating"`,
	}
	reasonFlag(cmd, &reason)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		return c.changeStatus(ctx, api.KeyDisable, args[0], reason)
	})
}

func reasonFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "reason", "", "why, for the audit log and those who look at the key")
}

// changeStatus is what disable, enable, suspend and revoke share.
func (c *command) changeStatus(
	ctx context.Context, change func(context.Context, client.KeyStatusInput) (client.KeyChanged, error), keyID, reason string,
) error {
	changed, err := change(ctx, client.KeyStatusInput{KeyID: keyID, Body: &client.Reason{Reason: reason}, WaitInput: c.waitInput()})
	if err != nil {
		return err
	}
	return c.showChanged(changed, c.keyLines(changed.Key), changed.Receipt)
}
