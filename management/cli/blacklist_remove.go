package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

func blacklistRemove(c *command) *cobra.Command {
	var body client.BlacklistRulesRemove
	var file string
	var yes bool
	cmd := &cobra.Command{
		Use: "remove [ID]", Short: "end one blacklist rule before its time, or many",
		Long: `Ends a rule before its time: the one of that id, or all that fit the flags.
Clients of its network are let in again, unless another rule holds them too.
--dry-run says which rules. --everything asks; where no terminal is, it needs --yes.`,
		Example: `  credence blacklist remove blk_01jc8zq8m4x0
  credence blacklist remove --source drop --dry-run
  credence blacklist remove --within 203.0.113.0/24 --namespace payments
  credence blacklist remove --file drop.txt --source drop
  credence blacklist remove --everything --namespace payments --yes`,
	}
	f := cmd.Flags()
	f.StringVar(&body.Source, "source", "", "rules of this source")
	f.StringVar(&body.Within, "within", "", "rules whose network lies in this one")
	f.StringVar(&file, "file", "", "rules for exactly the networks of this list; - for standard input")
	f.BoolVar(&body.Everything, "everything", false, "every rule there is")
	f.BoolVar(&body.Global, "global", false, "only rules that refuse everywhere")
	dryRunFlag(cmd, &body.DryRun)
	yesFlag(cmd, &yes)
	namespaceFlag(cmd, &body.Namespace, "only rules of this namespace")
	c.waitFlag(cmd)
	c.verb(cmd, 0, func(ctx context.Context, api *client.Client, args []string) error {
		many := file != "" || body.Source != "" || body.Within != "" || body.Everything
		switch {
		case len(args) == 1 && many:
			return usage(errors.New("give the id of a rule, or flags that say which rules, not both"))
		case len(args) == 1:
			return c.removeRule(ctx, api, args[0], body.DryRun)
		case !many:
			return usage(errors.New("say which rule: its id, --source, --within, --file or --everything"))
		}
		picked := file != "" || body.Source != "" || body.Within != ""
		if !picked && !body.DryRun {
			if err := c.confirmEverything(yes, body); err != nil {
				return err
			}
		}
		return c.removeRules(ctx, api, body, file)
	})
	cmd.Args = cobra.MaximumNArgs(1)
	return cmd
}

// confirmEverything asks before rules are removed that nobody has picked out.
// A program cannot be asked: it has to say so.
func (c *command) confirmEverything(yes bool, body client.BlacklistRulesRemove) error {
	if !yes && !c.Terminal() {
		return usage(errors.New("--everything: look with --dry-run at what would be removed, then give --yes"))
	}
	which := "every blacklist rule that your token may change"
	switch {
	case body.Namespace != "":
		which = "every blacklist rule of namespace " + printable(body.Namespace)
	case body.Global:
		which = "every blacklist rule that refuses everywhere"
	}
	return c.confirm(yes, "Remove "+which+"? Who they kept out is let in again.")
}

func (c *command) removeRule(ctx context.Context, api *client.Client, id string, dryRun bool) error {
	if dryRun {
		r, err := api.BlacklistShow(ctx, client.BlacklistShowInput{ID: id})
		if err != nil {
			return err
		}
		return c.wouldDo("the rule would end now", r, c.ruleLines(r))
	}
	removed, err := api.BlacklistRemove(ctx, client.BlacklistRemoveInput{ID: id, WaitInput: c.waitInput()})
	if err != nil {
		return err
	}
	if err := c.done("blacklist rule " + id + " removed"); err != nil || removed.Receipt == nil {
		return err
	}
	return c.showChanged(removed, nil, removed.Receipt)
}

// removeRules removes all that fit, a batch at a time. A list of networks goes
// in parts of as many as one request takes.
func (c *command) removeRules(ctx context.Context, api *client.Client, body client.BlacklistRulesRemove, file string) error {
	parts := [][]string{nil}
	if file != "" {
		in, err := c.openInput(file)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // only read
		rows, err := networkLines(in)
		if err != nil {
			return usage(fmt.Errorf("%s: %w", file, err))
		}
		parts = nil
		for from := 0; from < len(rows); from += maxBatchRows {
			var part []string
			for _, row := range rows[from:min(from+maxBatchRows, len(rows))] {
				part = append(part, row.Network)
			}
			parts = append(parts, part)
		}
	}
	total := client.BlacklistRulesRemoved{DryRun: body.DryRun, Sample: []client.BlacklistRule{}}
	for i, part := range parts {
		c.bar(i, len(parts))
		body.Networks = part
		if err := c.removePart(ctx, api, body, &total); err != nil {
			return err
		}
	}
	c.settle()
	return c.showRemoved(total)
}

func (c *command) removePart(ctx context.Context, api *client.Client, body client.BlacklistRulesRemove, total *client.BlacklistRulesRemoved) error {
	for first := true; ; first = false {
		done, err := api.BlacklistRulesRemove(ctx, client.BlacklistRulesRemoveInput{Body: body, WaitInput: c.waitInput()})
		if err != nil {
			return err
		}
		if first {
			total.Matched += done.Matched
			total.Sample = append(total.Sample, done.Sample[:min(len(done.Sample), 20-min(20, len(total.Sample)))]...)
		}
		total.Removed += done.Removed
		if done.Receipt != nil {
			total.Receipt = done.Receipt
		}
		if total.Done = done.Done || body.DryRun; total.Done {
			return nil
		}
	}
}

func (c *command) showRemoved(total client.BlacklistRulesRemoved) error {
	if c.output == "table" && total.DryRun && len(total.Sample) > 0 {
		if err := showList(c, client.List[client.BlacklistRule]{Items: total.Sample}, ruleHeader, c.ruleRow); err != nil {
			return err
		}
	}
	lines := [][2]string{{"removed", count(total.Removed, "rule")}}
	if total.DryRun {
		lines = [][2]string{{"would be removed", count(total.Matched, "rule")}}
	}
	return c.showChanged(total, lines, total.Receipt)
}
