package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

const anomalyExamples = `  credence anomalies list
  credence anomalies show ano_01jc8zq8m4x0
  credence anomalies resolve ano_01jc8zq8m4x0 --note "load test"`

func anomalyList(c *command) *cobra.Command {
	var in client.AnomalyListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list what was found and is not resolved, newest first",
		Long: `Lists findings about keys and addresses: what was seen that is not as it should
be. Findings about addresses belong to no namespace, and only global tokens see
them. docs/anomalies.md says what each type means.`,
		Example: "  credence anomalies list\n  credence anomalies list --key KEY_ID --all\n  credence anomalies list --severity high -o json",
	}
	page := pagingFlags(cmd)
	f := cmd.Flags()
	namespaceFlag(cmd, &in.Namespace, "only findings about keys of this namespace")
	f.StringVar(&in.KeyID, "key", "", "only findings about this key")
	f.StringVar(&in.Type, "type", "", "only findings of this type, e.g. brute_force")
	f.StringVar(&in.Severity, "severity", "", "only findings of this severity: low, medium, high or critical")
	f.StringVar(&in.State, "state", "", "only findings in this state: open, acknowledged or resolved")
	f.BoolVar(&in.All, "all-states", false, "also resolved ones")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Anomaly], error) {
			in.PageInput = p
			return api.AnomalyList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tSEVERITY\tTYPE\tSUBJECT\tSTATE\tLAST SEEN", func(a client.Anomaly) []string {
			return []string{a.ID, a.Severity, a.Type, clip(bareID(a.Subject)), a.State, c.whenShort(a.LastAt)}
		})
	})
}

func anomalyShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "show a finding", Example: "  credence anomalies show ano_01jc8zq8m4x0",
		Long: "Shows what was seen, the numbers that the finding rests on, and who has said what of it.",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		a, err := api.AnomalyShow(ctx, client.AnomalyShowInput{ID: args[0]})
		if err != nil {
			return err
		}
		return c.showAnomaly(a)
	})
}

func anomalyAcknowledge(c *command) *cobra.Command {
	return c.anomalyState("acknowledge", "say that you look after a finding", (*client.Client).AnomalyAcknowledge)
}

func anomalyResolve(c *command) *cobra.Command {
	return c.anomalyState("resolve", "end a finding; if it goes on, there will be a new one", (*client.Client).AnomalyResolve)
}

func anomalyUndo(c *command) *cobra.Command {
	var in client.AnomalyStateInput
	cmd := &cobra.Command{
		Use: "undo ID", Short: "take back what was done about a finding",
		Long: `The key has all of its rates again, is let in again, or the address is no longer
refused. What somebody has changed since stays as it is. The finding stays open,
and nothing more is done about it: resolve ends it.`,
		Example: "  credence anomalies undo ano_01jc8zq8m4x0",
	}
	cmd.Flags().StringVar(&in.Body.Note, "note", "", "why, for the audit log")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		in.ID = args[0]
		a, err := api.AnomalyUndo(ctx, in)
		if err != nil {
			return err
		}
		if len(a.Actions) == 0 {
			fmt.Fprintln(c.Err, "nothing had been done about it, so nothing was taken back")
		}
		return c.showAnomaly(a)
	})
}

func (c *command) anomalyState(verb, short string,
	set func(*client.Client, context.Context, client.AnomalyStateInput) (client.Anomaly, error),
) *cobra.Command {
	var in client.AnomalyStateInput
	cmd := &cobra.Command{
		Use: verb + " ID", Short: short,
		Long: `Says so of a finding, with your name and a note. It is audited, and changes
nothing about the key or the address. What is resolved stays so.`,
		Example: "  credence anomalies " + verb + ` ano_01jc8zq8m4x0 --note "load test"`,
	}
	cmd.Flags().StringVar(&in.Body.Note, "note", "", "why, for those who read it later")
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		in.ID = args[0]
		a, err := set(api, ctx, in)
		if err != nil {
			return err
		}
		return c.showAnomaly(a)
	})
}

func (c *command) showAnomaly(a client.Anomaly) error {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	state := a.State
	if a.StateBy != "" {
		state += " by " + a.StateBy + ", " + c.whenShort(a.StateAt)
	}
	lines := [][2]string{
		{"id", a.ID},
		{"type", a.Type},
		{"severity", a.Severity},
		{"state", state},
		{"note", a.Note},
		{"subject", a.Subject},
		{"namespace", a.Namespace},
		{"found", a.Message},
		{"observed", number(a.Observed)},
		{"expected", number(a.Expected)},
		{"window", a.Window},
		{"first seen", c.when(a.FirstAt)},
		{"last seen", c.when(a.LastAt)},
	}
	for _, d := range a.Actions {
		text := d.Outcome + ", " + c.whenShort(d.At) + ": " + d.Detail
		if !d.UndoneAt.IsZero() {
			text += "; undone by " + d.UndoneBy + ", " + c.whenShort(d.UndoneAt)
		}
		lines = append(lines, [2]string{d.Action, text})
	}
	return c.show(a, lines)
}
