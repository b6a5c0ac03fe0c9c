package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func contextShow(c *command) *cobra.Command {
	cmd := c.local(&cobra.Command{
		Use: "show [NAME]", Short: "show a context, or the current one",
		Long: `Shows a context: the one of that name, or the one that a command would use now,
which --context, CREDENCE_CONTEXT or context use has said.`,
		Example: "  credence context show\n  credence context show prod",
	}, 1, func(args []string) error {
		all, err := c.readContexts()
		if err != nil {
			return err
		}
		wanted := first(c.context, c.Context)
		if len(args) == 1 {
			wanted = args[0]
		}
		at, name, err := all.named(wanted)
		if err != nil {
			return err
		}
		if name == "" {
			return notFound(errors.New("there is no current context: `credence context add` makes one"))
		}
		plaintext := ""
		if at.Plaintext {
			plaintext = "allowed"
		}
		return c.show(contextShown{name, name == all.Current, at}, [][2]string{
			{"name", name},
			{"server", at.Server},
			{"token file", at.TokenFile},
			{"authorities", at.TLSCA},
			{"certificate", at.TLSCert},
			{"private key", at.TLSKey},
			{"server name", at.TLSServerName},
			{"plain text", plaintext},
		})
	})
	return optional(cmd)
}
