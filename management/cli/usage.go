package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"credence/management/client"
)

const usageExamples = `  credence usage --key KEY_ID --since 24h --by hour
  credence usage --namespace payments --since 30d --by day --group reason
  credence usage top --by denials --since 7d
  credence usage top --of agent --key KEY_ID
  credence usage addresses --since 1h
  credence usage quotas --at-least 90
  credence usage --since 7d -o csv > usage.csv`

// usageNoun is a command that answers by itself and has verbs besides.
func usageNoun(o Options) *cobra.Command {
	c := &command{Options: o}
	var in client.UsageInput
	cmd := &cobra.Command{
		Use: "usage", Short: "who used what, and who was refused", Example: usageExamples,
		Long: `Shows what the data plane has counted: requests, refusals, different client
addresses and the mean time that a Check took. Times are in UTC. Without --by
they are minutes for up to three hours, hours for up to eight days, else days.
Keys that nobody uses: credence keys list --unused-since 90d.` + "\n\n" + connectHelp + "\n\n" + exitHelp(),
	}
	c.connectFlags(cmd)
	filter := usageFlags(cmd)
	cmd.Flags().StringVar(&in.By, "by", "", "sum by minute, hour or day")
	cmd.Flags().StringVar(&in.Group, "group", "", "tell apart by key, owner, plan, namespace, route, reason or agent")
	c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.UsageFilter, err = filter.read(c); err != nil {
			return err
		}
		got, err := api.Usage(ctx, in)
		if err != nil {
			return err
		}
		if in.Group != "" && c.output == "table" {
			return c.usageGroups(got, in.Group)
		}
		return c.usageTimes(got, in.Group)
	})
	cmd.AddCommand(usageTop(c), usageAddresses(c), usageQuotas(c))
	return cmd
}

func usageTop(c *command) *cobra.Command {
	var in client.UsageTopInput
	cmd := &cobra.Command{
		Use: "top", Short: "show who has most requests, denials or latency",
		Long: `Ranks keys, owners, plans, namespaces, routes or reasons by requests, denials or
the mean time that a Check took, over a stretch of time.`,
		Example: "  credence usage top --by denials --since 7d\n  credence usage top --of owner --by requests -o csv",
	}
	filter := usageFlags(cmd)
	cmd.Flags().StringVar(&in.By, "by", "requests", "compare by requests, denials or latency")
	cmd.Flags().StringVar(&in.Of, "of", "key", "compare keys (key), or by owner, plan, namespace, route, reason or agent")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.UsageFilter, err = filter.read(c); err != nil {
			return err
		}
		got, err := api.UsageTop(ctx, in)
		if err != nil {
			return err
		}
		most := int64(0)
		value := func(s client.UsageSum) int64 {
			switch in.By {
			case "denials":
				return s.Denied
			case "latency":
				return s.LatencyUS
			}
			return s.Requests
		}
		for _, s := range got.Items {
			most = max(most, value(s))
		}
		return c.usageTable(got, []string{strings.ToUpper(in.Of), "REQUESTS", "DENIED", "ADDRESSES", "MEAN"}, func(s client.UsageSum) []string {
			return append([]string{usageGroup(s)}, usageCells(s)...)
		}, func(s client.UsageSum) string { return bar(value(s), most) })
	})
}

// usageFilter is the flags that narrow usage.
type usageFilter struct {
	client.UsageFilter

	since, until string
}

func usageFlags(cmd *cobra.Command) *usageFilter {
	in := &usageFilter{}
	f := cmd.Flags()
	f.StringVar(&in.since, "since", "", "from this instant (RFC 3339) or this length ago (24h, 30d); a day ago if unsaid")
	f.StringVar(&in.until, "until", "", "up to this instant (RFC 3339) or this length ago")
	namespaceFlag(cmd, &in.Namespace, "only keys of this namespace")
	f.StringVar(&in.KeyID, "key", "", "only this key")
	f.StringVar(&in.Owner, "owner", "", "only keys of this owner")
	f.StringVar(&in.Plan, "plan", "", "only keys on this plan")
	f.StringVar(&in.Route, "route", "", "only Checks on this route policy")
	f.StringVar(&in.Reason, "reason", "", "only Checks that ended so, e.g. rate_limited")
	f.BoolVar(&in.Denied, "denied", false, "only Checks that were refused")
	f.IntVar(&in.Limit, "limit", 0, "at most so many rows")
	return in
}

func (f *usageFilter) read(c *command) (client.UsageFilter, error) {
	var err error
	if f.Since, err = c.past("since", f.since); err != nil {
		return f.UsageFilter, err
	}
	f.Until, err = c.past("until", f.until)
	return f.UsageFilter, err
}

// usageTimes shows one line for each time, and times without usage too.
func (c *command) usageTimes(u client.Usage, group string) error {
	layout := map[string]string{"day": "2006-01-02", "hour": "2006-01-02 15:04"}[u.By]
	if layout == "" {
		layout = "2006-01-02 15:04"
	}
	most := int64(0)
	for _, s := range u.Items {
		most = max(most, s.Requests)
	}
	if group == "" && c.output == "table" && !u.More {
		u.Items = wholeTimes(u)
	}
	head := []string{strings.ToUpper(u.By), "REQUESTS", "DENIED", "ADDRESSES", "MEAN"}
	if group != "" {
		head = slices.Insert(head, 1, strings.ToUpper(group))
	}
	return c.usageTable(u, head, func(s client.UsageSum) []string {
		row := append([]string{s.Start.UTC().Format(layout)}, usageCells(s)...)
		if group != "" {
			row = slices.Insert(row, 1, usageGroup(s))
		}
		return row
	}, func(s client.UsageSum) string { return bar(s.Requests, most) })
}

// wholeTimes adds the times in which nothing was counted, when they are few
// enough to look at.
func wholeTimes(u client.Usage) []client.UsageSum {
	const most = 400
	step := usageLength(u.By)
	if len(u.Items) == 0 || u.Until.Sub(u.Since)/step > most {
		return u.Items
	}
	var all []client.UsageSum
	next := u.Items
	for at := u.Since; at.Before(u.Until); at = at.Add(step) {
		if len(next) > 0 && !next[0].Start.After(at) {
			all, next = append(all, next[0]), next[1:]
			continue
		}
		all = append(all, client.UsageSum{Start: at})
	}
	return append(all, next...)
}

func usageLength(by string) time.Duration {
	switch by {
	case "day":
		return 24 * time.Hour
	case "hour":
		return time.Hour
	}
	return time.Minute
}

// usageGroups shows one line for each group, with its course.
func (c *command) usageGroups(u client.Usage, group string) error {
	const widest = 48
	times := max(1, int(u.Until.Sub(u.Since)/usageLength(u.By))+1)
	columns := min(times, widest)
	sums, courses := map[string]*client.UsageSum{}, map[string][]int64{}
	var order []string
	for _, s := range u.Items {
		name := usageGroup(s)
		if sums[name] == nil {
			sums[name], courses[name] = &client.UsageSum{Group: s.Group, Namespace: s.Namespace}, make([]int64, columns)
			order = append(order, name)
		}
		sums[name].Requests += s.Requests
		sums[name].Denied += s.Denied
		at := int(s.Start.Sub(u.Since)/usageLength(u.By)) * columns / times
		courses[name][max(0, min(at, columns-1))] += s.Requests
	}
	slices.SortStableFunc(order, func(a, b string) int { return int(max(-1, min(1, sums[b].Requests-sums[a].Requests))) })
	all := client.List[string]{Items: order}
	err := showList(c, all, strings.ToUpper(group)+"\tREQUESTS\tDENIED\tCOURSE", func(name string) []string {
		return []string{name, strconv.FormatInt(sums[name].Requests, 10), strconv.FormatInt(sums[name].Denied, 10), sparkline(courses[name])}
	})
	c.usageNotes(u)
	return err
}

// usageTable shows rows as a table with a bar, as CSV or as JSON.
func (c *command) usageTable(u client.Usage, head []string, cells func(client.UsageSum) []string, bar func(client.UsageSum) string) error {
	switch c.output {
	case "json", "yaml":
		return c.emit(u)
	case "csv":
		return c.csv([]string{"start", "namespace", "group", "requests", "denied", "addresses", "latency_us"}, len(u.Items), func(i int) []string {
			s := u.Items[i]
			return []string{
				s.Start.UTC().Format(time.RFC3339), s.Namespace, s.Group, strconv.FormatInt(s.Requests, 10),
				strconv.FormatInt(s.Denied, 10), strconv.FormatInt(s.Addresses, 10), strconv.FormatInt(s.LatencyUS, 10),
			}
		})
	}
	err := showList(c, client.List[client.UsageSum]{Items: u.Items}, strings.Join(head, "\t"), func(s client.UsageSum) []string {
		row := cells(s)
		if b := bar(s); b != "" {
			row = append(row, b)
		}
		return row
	})
	c.usageNotes(u)
	return err
}

// usageNotes says what the table does not show.
func (c *command) usageNotes(u client.Usage) {
	if u.More {
		fmt.Fprintln(c.Err, "there is more: add --limit, or ask for less")
	}
	for _, g := range u.Gaps {
		fmt.Fprintf(c.Err, "a part is missing: replica %s was %s between %s and %s\n", g.Replica, g.Cause, stamp(g.From), stamp(g.To))
	}
}

func usageCells(s client.UsageSum) []string {
	mean := ""
	if s.Requests > 0 {
		mean = (time.Duration(s.LatencyUS) * time.Microsecond / time.Duration(s.Requests)).Round(100 * time.Nanosecond).String()
	}
	addresses := strconv.FormatInt(s.Addresses, 10)
	if s.Addresses == 0 && s.Requests > 0 { // not known
		addresses = ""
	}
	return []string{strconv.FormatInt(s.Requests, 10), strconv.FormatInt(s.Denied, 10), addresses, mean}
}

// usageGroup is the name of a group: of an owner or a plan with its namespace.
func usageGroup(s client.UsageSum) string {
	switch {
	case s.Group == "":
		return "(none)"
	case s.Namespace != "":
		return s.Namespace + "/" + s.Group
	}
	return s.Group
}
