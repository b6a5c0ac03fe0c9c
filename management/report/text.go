package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

func (r *Report) markdown(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "# %s\n\n%s. Made %s UTC.\n\n", plain(r.title()), r.times(), instant(r.MadeAt))
	for _, t := range r.tiles() {
		fmt.Fprintf(w, "- **%s**: %s", t.Name, plain(t.Value))
		if t.Note != "" {
			fmt.Fprintf(w, " (%s)", plain(t.Note))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "\n## What to look at\n\n")
	for _, n := range r.notices() {
		fmt.Fprintf(w, "- %s\n", plain(n.Text))
	}
	for _, s := range r.sections() {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n", s.Title, plain(s.About))
		s.markdown(w)
		if s.Note != "" {
			fmt.Fprintf(w, "\n%s\n", plain(s.Note))
		}
	}
	return w.Flush()
}

func (s *section) markdown(w io.Writer) {
	if len(s.Rows) == 0 {
		fmt.Fprintln(w, s.Empty)
		return
	}
	for _, c := range s.named() {
		fmt.Fprintf(w, "| %s ", s.Columns[c].Name)
	}
	fmt.Fprintln(w, "|")
	for _, c := range s.named() {
		if s.Columns[c].Right {
			fmt.Fprint(w, "|--:")
		} else {
			fmt.Fprint(w, "|---")
		}
	}
	fmt.Fprintln(w, "|")
	for _, row := range s.Rows {
		for _, c := range s.named() {
			fmt.Fprintf(w, "| %s ", marked(row[c]))
		}
		fmt.Fprintln(w, "|")
	}
}

// named are the places of the columns that are no bars.
func (s *section) named() (places []int) {
	for i, c := range s.Columns {
		if c.Name != "" {
			places = append(places, i)
		}
	}
	return places
}

func marked(c cell) string {
	if c.ID && strings.Trim(c.Text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:./-") == "" {
		return "`" + c.Text + "`"
	}
	return plain(c.Text)
}

// plain takes all meaning out of a text for Markdown, autolinks included.
func plain(s string) string {
	var b strings.Builder
	for i, c := range s {
		switch {
		case strings.ContainsRune("\\`*_[]<>|&~#@!$", c), c == ':' && strings.HasPrefix(s[i:], "://"), c == '.' && strings.HasSuffix(strings.ToLower(s[:i]), "www"):
			b.WriteRune('\\')
			b.WriteRune(c)
		case c < ' ' || c == 0x7f:
			b.WriteRune(' ')
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// csv writes a row for each cell: reports have tables of many shapes, a file
// has one.
func (r *Report) csv(to io.Writer) error {
	w := csv.NewWriter(to)
	rows := [][]string{{"section", "row", "column", "value"}}
	for _, field := range [][2]string{
		{"id", r.ID},
		{"namespace", r.Namespace},
		{"span", r.Span},
		{"since", r.Since.UTC().Format(csvTime)},
		{"until", r.Until.UTC().Format(csvTime)},
		{"made_at", r.MadeAt.UTC().Format(csvTime)},
		{"made_by", r.MadeBy},
	} {
		rows = append(rows, []string{"report", "1", field[0], field[1]})
	}
	for i, n := range r.notices() {
		rows = append(rows, []string{"notices", strconv.Itoa(i + 1), n.Level, n.Text})
	}
	for _, t := range r.tiles() {
		rows = append(rows, []string{"summary", "1", t.Name, t.Value})
	}
	for _, s := range r.sections() {
		for i, row := range s.Rows {
			for _, c := range s.named() {
				rows = append(rows, []string{s.ID, strconv.Itoa(i + 1), s.Columns[c].Name, row[c].Text})
			}
		}
		if s.Note != "" {
			rows = append(rows, []string{s.ID, strconv.Itoa(len(s.Rows) + 1), "note", s.Note})
		}
	}
	for _, row := range rows {
		for i := range row {
			row[i] = noFormula(row[i])
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return w.Error()
}

const csvTime = "2006-01-02T15:04:05Z"

// noFormula marks a text that a spreadsheet would run.
func noFormula(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
