package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func cleanupRun(c *command) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "run NAME", Short: "run a cleanup now, or show what that would do",
		Long: `Runs a cleanup now instead of waiting for its time, until nothing is left of it.
--dry-run shows what it would do, and does nothing. "credence cleanup list"
names the cleanups.`,
		Example: "  credence cleanup run revoked-keys --dry-run\n  credence cleanup run revoked-keys --yes",
	}
	dryRunFlag(cmd, &dryRun)
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if dryRun {
			return c.cleanupDryRun(ctx, api, args[0])
		}
		if err := c.confirm(yes, "Run cleanup "+printable(args[0])+"? What it removes is gone."); err != nil {
			return err
		}
		sum := 0
		for {
			done, err := api.CleanupRun(ctx, client.CleanupRunInput{Name: args[0]})
			if err != nil {
				c.settle()
				return err
			}
			sum += done.Done
			c.progress("%d done", sum)
			if !done.More {
				c.settle()
				done.Done = sum
				return c.show(done, [][2]string{{"cleanup", done.Name}, {"done", fmt.Sprint(sum)}})
			}
		}
	})
}

func (c *command) cleanupDryRun(ctx context.Context, api *client.Client, name string) error {
	would, err := api.CleanupRun(ctx, client.CleanupRunInput{Name: name, Body: client.CleanupRun{DryRun: true}})
	if err != nil {
		return err
	}
	if c.machine() {
		return c.emit(would)
	}
	if len(would.Items) > 0 {
		err := showList(c, client.List[client.CleanupItem]{Items: would.Items}, "OBJECT\tNAMESPACE\tSINCE", func(i client.CleanupItem) []string {
			return []string{i.Object, first(i.Namespace, "(none)"), c.whenShort(i.Since)}
		})
		if err != nil {
			return err
		}
	}
	atLeast := ""
	if would.More {
		atLeast = "at least "
	}
	_, err = fmt.Fprintf(c.Err, "dry run: %s would be done to %s%s; nothing was changed\n", would.Name, atLeast, countOf(would.Done, "object", "objects"))
	return err
}
