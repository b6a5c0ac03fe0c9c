package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"credence/management/client"
	"credence/store/timespan"
)

const anomalyPolicyExamples = `  credence anomaly-policies list
  credence anomaly-policies show -o yaml > policy.yaml
  credence anomaly-policies set --type brute_force --severity high --action blacklist --for 1h`

func readPolicy(ctx context.Context, api *client.Client) (client.AnomalyPolicy, error) {
	return api.AnomalyPolicyShow(ctx, client.AnomalyPolicyShowInput{})
}

func anomalyPolicyList(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "list what is done about each type and severity of finding",
		Long: `Lists what is done about findings of each type and severity. Where it says
notify, there is the finding, and webhooks are told: that is what the first
policy does about everything.`,
		Example: "  credence anomaly-policies list",
	}
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		p, err := readPolicy(ctx, api)
		if err != nil {
			return err
		}
		c.tellProblem(p)
		return showList(c, client.List[client.AnomalyRule]{Items: p.Rules}, "TYPE\tSEVERITY\tACTION\tHOW", func(r client.AnomalyRule) []string {
			return []string{r.Type, r.Severity, r.Action, how(r)}
		})
	})
}

// how is what a rule says besides its action.
func how(r client.AnomalyRule) string {
	switch {
	case r.Share > 0:
		return "to " + strconv.Itoa(r.Share) + "% of its rates"
	case r.For != "":
		return "for " + r.For
	}
	return ""
}

func anomalyPolicyShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "show the policy: thresholds, actions, caps and what is protected",
		Long: `Shows what detectors compare with, what is done about what they find, how often
an hour, and about what nothing is ever done. Of a policy that a later version has
written and this one cannot follow it shows why: set --file or reset puts another in
its place. With --document only what was set
is shown, as YAML: a file for set --file and for anomalies replay.`,
		Example: "  credence anomaly-policies show\n  credence anomaly-policies show --document > policy.yaml",
	}
	var document bool
	cmd.Flags().BoolVar(&document, "document", false, "only what was set, as YAML, for set --file")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		p, err := readPolicy(ctx, api)
		if err != nil {
			return err
		}
		if document && p.Problem != "" {
			return unfollowed(p, "there is no document to show: set the policy again with --file, or reset it")
		}
		c.tellProblem(p)
		if document {
			return c.yaml(p.AnomalyPolicyBody)
		}
		return c.show(p, c.anomalyPolicyLines(p))
	})
}

// tellProblem says beside the answer that it is not what is stored.
func (c *command) tellProblem(p client.AnomalyPolicy) {
	if p.Problem != "" {
		fmt.Fprintln(c.Err, "the policy that is stored cannot be followed: nothing is done about findings, and detectors compare with the defaults")
	}
}

// unfollowed refuses what needs the policy that is stored.
func unfollowed(p client.AnomalyPolicy, remedy string) error {
	return conflict("the policy that is stored cannot be followed by this version (%s); %s", p.Problem, remedy)
}

func (c *command) anomalyPolicyLines(p client.AnomalyPolicy) [][2]string {
	lines := [][2]string{{"problem", p.Problem}}
	for _, name := range slices.Sorted(maps.Keys(p.AllNumbers)) {
		lines = append(lines, [2]string{name, timespan.Said(p.AllNumbers[name])})
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Severities)) {
		lines = append(lines, [2]string{kind + " is", p.Severities[kind]})
	}
	for _, r := range p.Actions {
		lines = append(lines, [2]string{r.Type + " " + r.Severity, strings.TrimSpace(r.Action + " " + how(r))})
	}
	for _, action := range slices.Sorted(maps.Keys(p.MostPerHour)) {
		lines = append(lines, [2]string{action + " an hour", "at most " + strconv.Itoa(p.MostPerHour[action])})
	}
	return append(lines, [2]string{"never keys", listText(p.Never.Keys)}, [2]string{"never networks", listText(p.Never.Networks)},
		[2]string{"never namespaces", listText(p.Never.Namespaces)}, [2]string{"updated", c.when(p.UpdatedAt)})
}

// ruleFlags are what one call changes of a policy.
type ruleFlags struct {
	file       string
	rule       client.AnomalyRule
	severities []string
	thresholds []string
}

func anomalyPolicySet(c *command) *cobra.Command {
	var in ruleFlags
	var ifMatch string
	cmd := &cobra.Command{
		Use: "set", Short: "change what is done about findings, or what detectors compare with",
		Long: `With --file the policy is what the file says (YAML, "-" is standard input). Else
one rule, severities or thresholds are changed and the rest stays: --action notify
takes a rule back, and a threshold or severity without a value is the default again.

Try a policy with anomalies replay before you set it.`,
		Example: `  credence anomaly-policies set --type rate_change --severity high --action throttle --share 20
  credence anomaly-policies set --type brute_force --severity medium --action blacklist --for 2h
  credence anomaly-policies set --threshold guesses=50 --threshold silence=60d
  credence anomaly-policies set --severity-of dead_key_used=critical
  credence anomaly-policies set --file policy.yaml`,
	}
	f := cmd.Flags()
	f.StringVar(&in.file, "file", "", "file with the whole policy, - for standard input")
	f.StringVar(&in.rule.Type, "type", "", "type of the findings that the rule is for")
	f.StringVar(&in.rule.Severity, "severity", "", "how severe they are at least")
	f.StringVar(&in.rule.Action, "action", "", "what is done: notify, throttle, suspend or blacklist")
	f.IntVar(&in.rule.Share, "share", 0, "percent of its rates that a key is throttled to")
	f.StringVar(&in.rule.For, "for", "", "how long an address is blacklisted, e.g. 1h or 2d")
	f.StringArrayVar(&in.thresholds, "threshold", nil, "name=value of a threshold; may be given several times")
	f.StringArrayVar(&in.severities, "severity-of", nil, "type=severity of all findings of a type; may be given several times")
	matchFlag(cmd, &ifMatch)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		if err := nothingToChange(cmd); err != nil {
			return err
		}
		was, err := readPolicy(ctx, api)
		if err != nil {
			return err
		}
		body := was.AnomalyPolicyBody
		switch {
		case in.file != "":
			body, err = c.readPolicyFile(in.file)
		case was.Problem != "":
			err = unfollowed(was, "what it says besides would be lost: set all of it with --file, or reset it")
		default:
			err = in.change(&body)
		}
		if err != nil {
			return err
		}
		tag := first(ifMatch, was.ETag())
		p, err := api.AnomalyPolicySet(ctx, client.AnomalyPolicySetInput{IfMatch: tag, Body: body})
		if err != nil {
			return err
		}
		return c.show(p, c.anomalyPolicyLines(p))
	})
}

// change puts the rule in its place, the thresholds and the severities.
func (f *ruleFlags) change(p *client.AnomalyPolicyBody) error {
	if r := f.rule; r != (client.AnomalyRule{}) {
		if r.Type == "" || r.Severity == "" || r.Action == "" {
			return usage(errors.New("--type, --severity and --action: a rule needs all three; say which findings, and what is done"))
		}
		p.Actions = slices.DeleteFunc(p.Actions, func(o client.AnomalyRule) bool { return o.Type == r.Type && o.Severity == r.Severity })
		if r.Action != "notify" {
			p.Actions = append(p.Actions, r)
		}
	}
	return errors.Join(pairs(&p.Thresholds, f.thresholds, "--threshold", "name=value; write e.g. guesses=50"),
		pairs(&p.Severities, f.severities, "--severity-of", "type=severity; write e.g. dead_key_used=critical"))
}

// pairs puts what a flag says, name=value each time, into a map; a name without
// a value is taken out.
func pairs(into *map[string]string, said []string, flag, form string) error {
	for _, text := range said {
		name, value, is := strings.Cut(text, "=")
		if !is || name == "" {
			return usage(fmt.Errorf("%s: %q is no %s", flag, text, form))
		}
		if *into == nil {
			*into = map[string]string{}
		}
		if (*into)[name] = value; value == "" {
			delete(*into, name)
		}
	}
	return nil
}

// maxPolicyFile bounds a policy; the API takes no more either.
const maxPolicyFile = 1 << 20

// readPolicyFile reads a policy strictly: what the file says and nobody
// understands would not be done.
func (c *command) readPolicyFile(name string) (client.AnomalyPolicyBody, error) {
	var p client.AnomalyPolicyBody
	in, err := c.openInput(name)
	if err != nil {
		return p, err
	}
	defer in.Close() //nolint:errcheck // it was only read
	d := yaml.NewDecoder(io.LimitReader(in, maxPolicyFile))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return p, usage(fmt.Errorf("policy %s: %w; anomaly-policies show --document prints one to begin with", name, err))
	}
	if err := d.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return p, usage(fmt.Errorf("policy %s: there is something after the end of the policy; give one document", name))
	}
	return p, nil
}

func anomalyPolicyReset(c *command) *cobra.Command {
	var ifMatch string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "reset", Short: "bring back the first policy: default thresholds, and nothing is done",
		Long: `Nothing is done about findings from then on. What was done already stays:
anomalies undo takes that back.`,
		Example: "  credence anomaly-policies reset",
	}
	matchFlag(cmd, &ifMatch)
	dryRunFlag(cmd, &dryRun)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		was, err := readPolicy(ctx, api)
		if err != nil {
			return err
		}
		if dryRun {
			return c.wouldDo("this policy would go", was, c.anomalyPolicyLines(was))
		}
		if err := api.AnomalyPolicyReset(ctx, client.AnomalyPolicyResetInput{IfMatch: first(ifMatch, was.ETag())}); err != nil {
			return err
		}
		return c.done("nothing is done about findings any more, and detectors compare with the defaults")
	})
}
