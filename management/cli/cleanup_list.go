package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
	"credence/store/timespan"
)

func cleanupList(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list what is tidied up, and what the last run of each did",
		Long: `Lists what the control plane tidies up at intervals: how often, what it keeps for
how long, when it last ran and how much it did. What has a problem is tried again
the next time.`,
		Example: "  credence cleanup list\n  credence cleanup list -o json",
	}
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		found, err := api.CleanupList(ctx, client.CleanupListInput{})
		if err != nil {
			return err
		}
		return showList(c, found, "NAME\tEVERY\tKEPT\tLAST RUN\tDONE\tPROBLEM", func(n client.Cleanup) []string {
			row := []string{n.Name, n.Every, timespan.Said(n.Kept), "never", "", ""}
			if r := n.LastRun; r != nil {
				row[3], row[4], row[5] = c.whenShort(r.At), strconv.Itoa(r.Done), clip(r.Problem)
			}
			return row
		})
	})
}
