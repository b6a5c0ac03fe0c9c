package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func contextRemove(c *command) *cobra.Command {
	return c.local(&cobra.Command{
		Use: "remove NAME", Short: "forget a context",
		Long: `Forgets a context, and removes the token that was kept for it. A token file that
was named stays, and so does the token itself: tokens revoke ends one.`,
		Example: "  credence context remove staging",
	}, 1, func(args []string) error {
		all, err := c.readContexts()
		if err != nil {
			return err
		}
		at, name, err := all.named(args[0])
		if err != nil {
			return err
		}
		delete(all.Contexts, name)
		if all.Current == name {
			all.Current = ""
		}
		if err := c.writeContexts(all); err != nil {
			return err
		}
		if at.TokenFile != "" && at.TokenFile == c.tokenPath(name) {
			if err := os.Remove(at.TokenFile); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("remove the token that was kept: %w", err)
			}
		}
		return c.done("context " + name + " removed")
	})
}
