package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// dryRunFlag is of every command that destroys something.
func dryRunFlag(cmd *cobra.Command, into *bool) {
	cmd.Flags().BoolVar(into, "dry-run", false, "show what would be done, and change nothing")
}

// wouldDo shows what a command would have been done to. It reads only, so what
// the server alone can judge (who else changes it, the last admin token) is not
// in it.
func (c *command) wouldDo(what string, object any, lines [][2]string) error {
	if err := c.show(object, lines); err != nil {
		return err
	}
	return c.done("dry run: " + what + "; nothing was changed")
}

// inUse is the refusal that a deletion would meet, or nil. It names some of
// the keys that are in its way.
func (c *command) inUse(ctx context.Context, api *client.Client, what string, filter client.KeyFilter) error {
	found, err := api.KeyList(ctx, client.KeyListInput{PageInput: client.PageInput{Limit: 5}, KeyFilter: filter})
	if err != nil || len(found.Items) == 0 {
		return err
	}
	var b strings.Builder
	for _, k := range found.Items {
		fmt.Fprintf(&b, "\n  %s  %s", k.KeyID, printable(k.Name))
	}
	if found.NextCursor != "" {
		b.WriteString("\n  and more")
	}
	return conflict("dry run: %s would stay: keys refer to it:%s", what, b.String())
}
