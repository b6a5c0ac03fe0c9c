package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func auditAnchors(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "anchors", Short: "list the places outside that keep checkpoints, and how far each has come",
		Long: `Lists the places outside that the control plane tells of checkpoints
(--audit-anchors of its process): up to which checkpoint each has come, since
when it holds that, and why it could not be told the last time.`,
		Example: "  credence audit anchors",
	}
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		found, err := api.AuditAnchorList(ctx, client.AuditAnchorListInput{})
		if err != nil {
			return err
		}
		return showList(c, found, "ANCHOR\tCHECKPOINTS\tHELD SINCE\tFAILURES\tPROBLEM", func(a client.AuditAnchor) []string {
			return []string{a.Name, strconv.FormatInt(a.Through, 10), first(c.whenShort(a.HeldAt), "never"), strconv.Itoa(a.Failures), clip(a.Problem)}
		})
	})
}
