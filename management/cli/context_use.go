package cli

import "github.com/spf13/cobra"

func contextUse(c *command) *cobra.Command {
	return c.local(&cobra.Command{
		Use: "use NAME", Short: "make a context the current one",
		Long:    "Makes a context the one that is meant when neither a flag nor a variable says which server.",
		Example: "  credence context use prod",
	}, 1, func(args []string) error {
		all, err := c.readContexts()
		if err != nil {
			return err
		}
		_, name, err := all.named(args[0])
		if err != nil {
			return err
		}
		all.Current = name
		if err := c.writeContexts(all); err != nil {
			return err
		}
		return c.done("context " + name + " is the current one")
	})
}
