package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func anomalyReplay(c *command) *cobra.Command {
	var since, until, policy string
	cmd := &cobra.Command{
		Use: "replay", Short: "say what detectors would have found in the past, by a policy to be tried",
		Long: `Runs the detectors over what was counted, by the policy in the file or the one
that holds, and prints what they would have found and had done, next to what
happened. Nothing is changed. What belongs together is one finding for as long as
the replay is. Minutes are not kept as long as hours: docs/anomalies.md.`,
		Example: `  credence anomalies replay --since 7d
  credence anomaly-policies show --document > new.yaml
  credence anomalies replay --since 30d --policy new.yaml`,
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "from this instant (RFC 3339) or this length ago (24h, 30d); a week ago if unsaid")
	f.StringVar(&until, "until", "", "up to this instant (RFC 3339) or this length ago")
	f.StringVar(&policy, "policy", "", "file with the policy to try, - for standard input (default: the one that holds)")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var in client.AnomalyReplayInput
		var err error
		if in.Body.Since, err = c.past("since", since); err != nil {
			return err
		}
		if in.Body.Until, err = c.past("until", until); err != nil {
			return err
		}
		if policy != "" {
			p, err := c.readPolicyFile(policy)
			if err != nil {
				return err
			}
			in.Body.Policy = &p
		}
		r, err := api.AnomalyReplay(ctx, in)
		if err != nil {
			return err
		}
		return c.showReplay(r)
	})
}

func (c *command) showReplay(r client.AnomalyReplay) error {
	if c.machine() {
		return c.emit(r)
	}
	err := showList(c, client.List[client.ReplayedAnomaly]{Items: r.Items}, "LAST SEEN\tSEVERITY\tTYPE\tSUBJECT\tWOULD BE\tWAS", func(a client.ReplayedAnomaly) []string {
		would, was := "not found", "not found"
		if a.Times > 0 {
			would = actionsText("found", a.Would)
		}
		if a.Happened != "" {
			was = actionsText(a.Happened, a.Did)
		}
		return []string{stamp(a.LastAt), a.Severity, a.Type, clip(bareID(a.Subject)), would, was}
	})
	if err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintln(c.Err, printable(note))
	}
	return c.done(strconv.Itoa(r.Found) + " would have been found, " + strconv.Itoa(r.Happened) + " were")
}

// actionsText is what was found, or would be, and what was done about it.
func actionsText(text string, actions []client.AnomalyAction) string {
	for _, a := range actions {
		text += ", " + strings.TrimSuffix(a.Action+" "+a.Outcome, " done")
	}
	return text
}
