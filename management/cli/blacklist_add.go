package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistAdd(c *command) *cobra.Command {
	var body client.BlacklistAdd
	var idempotency string
	cmd := &cobra.Command{
		Use: "add NETWORK", Short: "refuse the clients of a network",
		Long: `Refuses the clients of an address or network before anything else happens,
everywhere or in one namespace, until removed or for a while.`,
		Example: `  credence blacklist add 203.0.113.0/24 --for 1h --reason "key scan"
  credence blacklist add 2001:db8::/48 --reason abuse --namespace payments`,
	}
	f := cmd.Flags()
	end := endFlags(cmd)
	f.StringVar(&body.Reason, "reason", "", "why")
	f.StringVar(&body.Source, "source", "", "where it comes from, e.g. the name of a list")
	f.BoolVar(&body.Force, "force", false, "let through what is refused as a likely slip (role admin)")
	namespaceFlag(cmd, &body.Namespace, "refuse only in this namespace (default: everywhere)")
	idempotencyFlag(cmd, &idempotency)
	c.waitFlag(cmd)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		body.Network = args[0]
		var err error
		if body.For, body.EndsAt, err = end.read(); err != nil {
			return err
		}
		added, err := api.BlacklistAdd(ctx, client.BlacklistAddInput{IdempotencyKey: idempotency, Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		shown := c.showChanged(added, c.ruleLines(added.BlacklistRule), added.Receipt)
		c.overlapNotes("", added.Overlaps, added.Overlap)
		return shown
	})
}

// overlapNotes tells which other rules a new one meets.
func (c *command) overlapNotes(before string, overlaps []client.BlacklistOverlap, all int) {
	for _, o := range overlaps {
		fmt.Fprintln(c.Err, "note: "+before+printable(o.Note))
	}
	if more := all - len(overlaps); more > 0 {
		fmt.Fprintf(c.Err, "note: %sand so with %s more\n", before, count(more, "rule"))
	}
}

// ruleEnd is when rules end: after a while, or at an instant.
type ruleEnd struct{ length, until string }

func endFlags(cmd *cobra.Command) *ruleEnd {
	e := &ruleEnd{}
	cmd.Flags().StringVar(&e.length, "for", "", "how long, e.g. 1h or 30d (default: until removed)")
	cmd.Flags().StringVar(&e.until, "until", "", "until when (RFC 3339)")
	return e
}

func (e *ruleEnd) read() (length string, until time.Time, err error) {
	if e.length != "" && e.until != "" {
		return "", until, usage(errors.New("--for and --until: give one of them"))
	}
	if e.until != "" {
		until, err = instant("until", e.until)
		return "", until, err
	}
	end, err := lifetime("for", e.length)
	return end.length, end.instant, err
}
