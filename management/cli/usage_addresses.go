package cli

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func usageAddresses(c *command) *cobra.Command {
	var in client.UsageAddressesInput
	var since, until string
	cmd := &cobra.Command{
		Use: "addresses", Short: "show the addresses that were refused most",
		Long: `Shows which client addresses had most requests refused, and for which reason.
The data plane keeps the heaviest of each reason only, so small numbers can be
missing or too high by what UNCERTAIN says in -o json.`,
		Example: "  credence usage addresses --since 1h\n  credence usage addresses --reason unknown_key --since 7d",
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "from this instant (RFC 3339) or this length ago (24h, 30d); a day ago if unsaid")
	f.StringVar(&until, "until", "", "up to this instant (RFC 3339) or this length ago")
	f.StringVar(&in.Reason, "reason", "", "only refusals for this reason, e.g. unknown_key")
	f.IntVar(&in.Limit, "limit", 0, "at most so many rows, 20 if unsaid")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.Since, err = c.past("since", since); err != nil {
			return err
		}
		if in.Until, err = c.past("until", until); err != nil {
			return err
		}
		list, err := api.UsageAddresses(ctx, in)
		if err != nil {
			return err
		}
		most := int64(0)
		for _, a := range list.Items {
			most = max(most, a.Refused)
		}
		if c.output == "csv" {
			return c.csv([]string{"address", "reason", "since", "refused", "uncertain"}, len(list.Items), func(i int) []string {
				a := list.Items[i]
				return []string{
					a.Address, a.Reason, a.Since.UTC().Format(time.RFC3339), strconv.FormatInt(a.Refused, 10), strconv.FormatInt(a.Uncertain, 10),
				}
			})
		}
		return showList(c, list, "ADDRESS\tREASON\tSINCE\tREFUSED", func(a client.FailingAddress) []string {
			reason := a.Reason
			if reason == "" {
				reason = "(several)"
			}
			return []string{a.Address, reason, c.whenShort(a.Since), strconv.FormatInt(a.Refused, 10), bar(a.Refused, most)}
		})
	})
}
