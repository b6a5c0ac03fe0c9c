package cli

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"credence/management/client"
	"credence/store/limit"
	"credence/store/timespan"
)

// limits reads --limit values such as "10/s" or "search=100/m burst 20". One
// empty value means none.
func limits(values []string) ([]client.Limit, error) {
	out := []client.Limit{}
	for _, v := range cleared(values) {
		l, err := limit.Parse(v)
		if err != nil {
			return nil, usage(fmt.Errorf("--limit %q: %w", v, err))
		}
		out = append(out, client.Limit{Name: l.Name, Limit: l.Limit, Period: l.Period.String(), Burst: l.Burst})
	}
	return out, nil
}

// quotas reads --quota values such as "10000/day".
func quotas(values []string) ([]client.Quota, error) {
	out := []client.Quota{}
	for _, v := range cleared(values) {
		q, err := limit.ParseQuota(v)
		if err != nil {
			return nil, usage(fmt.Errorf("--quota %q: %w", v, err))
		}
		out = append(out, client.Quota{Name: q.Name, Limit: q.Limit, Period: string(q.Period)})
	}
	return out, nil
}

// cleared is the list that --flag "" stands for: the empty one.
func cleared(values []string) []string {
	if len(values) == 1 && values[0] == "" {
		return nil
	}
	return values
}

// life is the end of a life as people say it: a length from now, or an
// instant. Both zero means never.
type life struct {
	length  string // Go duration
	instant time.Time
}

// lifetime reads 720h, 30d, 1d12h, an RFC 3339 instant, or never.
func lifetime(flag, value string) (life, error) {
	if value == "" || value == "never" {
		return life{}, nil
	}
	if at, err := time.Parse(time.RFC3339, value); err == nil {
		return life{instant: at}, nil
	}
	d, err := timespan.Parse(value)
	if err != nil || d <= 0 {
		return life{}, usage(fmt.Errorf("--%s %q: give a length such as 720h or 30d, or an instant such as 2030-01-31T00:00:00Z", flag, value))
	}
	return life{length: d.String()}, nil
}

// labels reads --label name=value.
func labels(values []string) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range cleared(values) {
		name, value, found := strings.Cut(v, "=")
		if !found || name == "" {
			return nil, usage(fmt.Errorf("--label %q: write it as name=value", v))
		}
		out[name] = value
	}
	return out, nil
}

// namespaceFlag is of every command on something that lives in a namespace.
func namespaceFlag(cmd *cobra.Command, into *string, what string) {
	cmd.Flags().StringVarP(into, "namespace", "n", "", what)
}

// idempotencyFlag is of every command that makes something.
func idempotencyFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "idempotency-key", "", "a repeated command with the same value makes nothing twice")
}

// matchFlag is of every command that changes a state that was read before.
func matchFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "if-match", "", `ETag of the state the change is meant for, e.g. '"3"' (default: read it now)`)
}

// match is the ETag given, or that of the object as it is now.
func match[T interface{ ETag() string }](given string, read func() (T, error)) (string, error) {
	if given != "" {
		return given, nil
	}
	object, err := read()
	if err != nil {
		return "", err
	}
	return object.ETag(), nil
}

// set makes a patch of a flag that was given; "" clears.
func set(flags *pflag.FlagSet, name, value string) client.Patch[string] {
	switch {
	case !flags.Changed(name):
		return client.Patch[string]{}
	case value == "":
		return client.Clear[string]()
	}
	return client.Set(value)
}

// setList makes a patch of a flag that can be given more than once.
func setList(flags *pflag.FlagSet, name string, values []string) client.Patch[[]string] {
	switch {
	case !flags.Changed(name):
		return client.Patch[[]string]{}
	case len(cleared(values)) == 0:
		return client.Clear[[]string]()
	}
	return client.Set(values)
}

// setParsed makes a patch of values that were parsed.
func setParsed[T any](flags *pflag.FlagSet, name string, values []string, parse func([]string) ([]T, error)) (client.Patch[[]T], error) {
	if !flags.Changed(name) {
		return client.Patch[[]T]{}, nil
	}
	parsed, err := parse(values)
	if err != nil {
		return client.Patch[[]T]{}, err
	}
	if len(parsed) == 0 {
		return client.Clear[[]T](), nil
	}
	return client.Set(parsed), nil
}

// nothingToChange refuses an update without a single flag.
func nothingToChange(cmd *cobra.Command) error {
	changed := false
	cmd.Flags().Visit(func(f *pflag.Flag) {
		ours := cmd.InheritedFlags().Lookup(f.Name) == nil
		changed = changed || ours && !slices.Contains([]string{"if-match", "namespace", "wait"}, f.Name)
	})
	if !changed {
		return usage(fmt.Errorf("nothing to change: `%s --help` lists the flags", cmd.CommandPath()))
	}
	return nil
}

// maxPage is the longest part of a list that the API answers.
const maxPage = 500

// paging is the flags of every list.
type paging struct {
	max    int
	cursor string
	all    bool
}

func pagingFlags(cmd *cobra.Command) *paging {
	p := &paging{}
	cmd.Flags().IntVar(&p.max, "max", 50, "most items to show, up to "+strconv.Itoa(maxPage))
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "go on where the list before ended")
	cmd.Flags().BoolVar(&p.all, "all", false, "show everything, however long")
	return p
}

func (p *paging) input() client.PageInput {
	if p.all {
		return client.PageInput{Limit: maxPage, Cursor: p.cursor}
	}
	return client.PageInput{Limit: p.max, Cursor: p.cursor}
}

// gather reads one part of a list, or all of them.
func gather[T any](ctx context.Context, p *paging, read func(context.Context, client.PageInput) (client.List[T], error)) (client.List[T], error) {
	if p.max < 1 || p.max > maxPage {
		return client.List[T]{}, usage(fmt.Errorf("--max %d: give a number from 1 to %d, or --all", p.max, maxPage))
	}
	page := p.input()
	got, err := read(ctx, page)
	for err == nil && p.all && got.NextCursor != "" {
		var more client.List[T]
		page.Cursor = got.NextCursor
		more, err = read(ctx, page)
		got = client.List[T]{Items: append(got.Items, more.Items...), NextCursor: more.NextCursor}
	}
	return got, err
}

// confirm asks the person at the terminal, if there is one.
func (c *command) confirm(yes bool, question string) error {
	if yes || !c.Terminal() {
		return nil
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && answer == "" {
		return errAborted
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errAborted
}

func yesFlag(cmd *cobra.Command, into *bool) {
	cmd.Flags().BoolVar(into, "yes", false, "do not ask, even on a terminal")
}
