package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistAdd(c *command) *cobra.Command {
	var body client.BlacklistAdd
	var length, until, idempotency string
	cmd := &cobra.Command{
		Use: "add NETWORK", Short: "refuse the clients of a network",
		Long: `Refuses the clients of an address or network before anything else happens,
everywhere or in one namespace, until removed or for a while.`,
		Example: `  credence blacklist add 203.0.113.0/24 --for 1h --reason "key scan"
  credence blacklist add 2001:db8::/48 --reason abuse --namespace payments`,
	}
	f := cmd.Flags()
	f.StringVar(&length, "for", "", "how long, e.g. 1h or 30d (default: until removed)")
	f.StringVar(&until, "until", "", "until when (RFC 3339)")
	f.StringVar(&body.Reason, "reason", "", "why")
	f.BoolVar(&body.Force, "force", false, "let very wide networks through")
	namespaceFlag(cmd, &body.Namespace, "refuse only in this namespace (default: everywhere)")
	idempotencyFlag(cmd, &idempotency)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if length != "" && until != "" {
			return usage(errors.New("--for and --until: give one of them"))
		}
		body.Network = args[0]
		end, err := lifetime("for", length)
		if err != nil {
			return err
		}
		body.For, body.EndsAt = end.length, end.instant
		if until != "" {
			if body.EndsAt, err = instant("until", until); err != nil {
				return err
			}
		}
		added, err := api.BlacklistAdd(ctx, client.BlacklistAddInput{IdempotencyKey: idempotency, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		return c.showChanged(added, c.ruleLines(added.BlacklistRule), added.Receipt)
	})
}
