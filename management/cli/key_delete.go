package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func keyDelete(c *command) *cobra.Command {
	var ifMatch string
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "delete KEY_ID", Aliases: []string{"purge"}, Short: "erase a revoked or expired key, all but its id",
		Long: `Erases everything of a key but its id and its times, so that the audit log
stays whole. Only revoked and expired keys can be erased.`,
		Example: "  credence keys delete key_01jc8zq8m4x0 --dry-run\n  credence keys delete key_01jc8zq8m4x0",
	}
	matchFlag(cmd, &ifMatch)
	yesFlag(cmd, &yes)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			k, err := api.KeyShow(ctx, client.KeyShowInput{KeyID: args[0]})
			if err != nil {
				return err
			}
			if status := keyStatus(k); status != "revoked" && status != "expired" {
				return conflict("dry run: the key would stay: it is %s, and only revoked and expired keys are erased", status)
			}
			return c.wouldDo("all of the key but its id would be erased", k, c.keyLines(k))
		}
		if err := c.confirm(yes, "Erase "+printable(args[0])+"? This cannot be undone."); err != nil {
			return err
		}
		tag, err := match(ifMatch, func() (client.Key, error) {
			return api.KeyShow(ctx, client.KeyShowInput{KeyID: args[0]})
		})
		if err != nil {
			return err
		}
		if err := api.KeyPurge(ctx, client.KeyPurgeInput{KeyID: args[0], IfMatch: tag}); err != nil {
			return err
		}
		return c.done("key " + args[0] + " erased")
	})
}

// done reports a change that leaves no object to show; standard output stays
// empty, as the answer of the API is.
func (c *command) done(what string) error {
	_, err := fmt.Fprintln(c.Err, printable(what))
	return err
}
