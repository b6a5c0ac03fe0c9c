package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"credence/management/client"
	"credence/store/limit"
)

// show prints one object: as the API gave it, or as lines of a table.
func (c *command) show(object any, lines [][2]string) error {
	if c.machine() {
		return c.emit(object)
	}
	w := tabwriter.NewWriter(c.Out, 0, 4, 2, ' ', 0)
	for _, line := range lines {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], printable(line[1]))
		}
	}
	return w.Flush()
}

// showList prints a part of a list, and how to get the next.
func showList[T any](c *command, list client.List[T], header string, row func(T) []string) error {
	if c.machine() {
		if c.output == "csv" { // the others hold it
			c.tellMore(list.NextCursor)
		}
		return c.emit(list)
	}
	if len(list.Items) == 0 {
		fmt.Fprintln(c.Err, "nothing found")
		return nil
	}
	rows := make([][]string, 0, len(list.Items))
	for _, item := range list.Items {
		cells := row(item)
		for i := range cells {
			if cells[i] = printable(cells[i]); cells[i] == "" {
				cells[i] = "-"
			}
		}
		rows = append(rows, cells)
	}
	left, err := c.screen().columns(c.Out, strings.Split(header, "\t"), rows)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		fmt.Fprintf(c.Err, "no room here for %s: make the terminal wider, or see -o json\n", strings.Join(left, ", "))
	}
	c.tellMore(list.NextCursor)
	return nil
}

// tellMore says how to get the next part of a list, when there is one.
func (c *command) tellMore(next string) {
	if next != "" {
		fmt.Fprintf(c.Err, "there is more: add --cursor %s, or --all\n", next)
	}
}

// printable keeps what others wrote from moving the cursor or the columns.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}

// when is an instant as people read it: the instant, and how far it is.
func (c *command) when(at time.Time) string {
	text := c.whenShort(at)
	if at.IsZero() || c.Now == nil {
		return text
	}
	return stamp(at) + " (" + text + ")"
}

// whenShort is how far an instant is, for lists: show and -o json say when it
// is to the second.
func (c *command) whenShort(at time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case c.Now == nil:
		return stamp(at)
	}
	d := at.Sub(c.Now())
	switch distance := rough(d.Abs()); {
	case distance == "0s":
		return "now"
	case d < 0:
		return distance + " ago"
	default:
		return "in " + distance
	}
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05Z") }

// rough is a length in its largest unit. It is rounded in the unit below, so
// that a second after "30d" was asked for it does not say 29d.
func rough(d time.Duration) string {
	for _, unit := range []struct {
		size, below time.Duration
		letter      string
	}{{24 * time.Hour, time.Hour, "d"}, {time.Hour, time.Minute, "h"}, {time.Minute, time.Second, "m"}} {
		if rounded := d.Round(unit.below); rounded >= unit.size {
			return strconv.FormatInt(int64(rounded/unit.size), 10) + unit.letter
		}
	}
	return strconv.FormatInt(int64(d.Round(time.Second)/time.Second), 10) + "s"
}

// maxCell is how much of a name or reason a list shows, in characters: a line
// is to fit a terminal. show and -o json have all of it.
const maxCell = 34

func clip(text string) string { return clipTo(text, maxCell) }

func clipTo(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

func limitText(limits []client.Limit) string {
	var out []string
	for _, l := range limits {
		d, err := time.ParseDuration(l.Period)
		if err != nil { // a newer server's notation: show it as it is
			out = append(out, fmt.Sprintf("%s=%d/%s", l.Name, l.Limit, l.Period))
			continue
		}
		out = append(out, limit.Format(limit.Limit{Name: l.Name, Limit: l.Limit, Period: d, Burst: l.Burst}))
	}
	return strings.Join(out, ", ")
}

func quotaText(quotas []client.Quota) string {
	var out []string
	for _, q := range quotas {
		out = append(out, limit.FormatQuota(limit.Quota{Name: q.Name, Limit: q.Limit, Period: limit.QuotaPeriod(q.Period)}))
	}
	return strings.Join(out, ", ")
}

func labelText(labels map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, name+"="+labels[name])
	}
	return strings.Join(out, ", ")
}

func listText(items []string) string { return strings.Join(items, ", ") }
