package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// printJSON prints the whole result.
func (r *Result) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// printTable prints the result for people: the verdict, the stages, and what
// Envoy does.
func (r *Result) printTable(out io.Writer) error {
	verdict := "refused"
	switch {
	case r.Allowed && r.Decision == "shadow_deny":
		verdict = "allowed, because the route only watches; it would be refused"
	case r.Allowed:
		verdict = "allowed"
	}
	if r.Reason != "allowed" { // it would say the verdict twice
		verdict += ": " + printable(r.Reason)
	}
	fmt.Fprintf(out, "%s\n%s\n\n", verdict, r.Explains)

	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "STAGE\tRESULT\tQUESTION")
	for _, s := range r.Stages {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Result, s.Does)
	}
	fmt.Fprintln(w)
	for _, name := range []string{"policy", "client", "key_id", "namespace", "owner", "plan", "key_type", "source"} {
		row(w, strings.ReplaceAll(name, "_", " "), r.Metadata[name])
	}
	if r.Reply != nil {
		r.Reply.print(w)
	}
	if r.Upstream != nil {
		r.Upstream.print(w)
	}
	if r.Took > 0 {
		row(w, "took", r.Took.Round(10*time.Microsecond).String())
	}
	return w.Flush()
}

func (p *Reply) print(w io.Writer) {
	row(w, "client gets", strconv.Itoa(p.Status))
	rows(w, p.Headers)
	row(w, "", p.Body)
}

func (u *Upstream) print(w io.Writer) {
	row(w, "upstream gets", "the request")
	rows(w, u.Set)
	row(w, "without", strings.Join(u.Remove, ", "))
	row(w, "without query", strings.Join(u.RemoveQuery, ", "))
	if len(u.ResponseHeaders) > 0 {
		row(w, "client gets", "the response")
		rows(w, u.ResponseHeaders)
	}
}

func rows(w io.Writer, headers map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		row(w, "", name+": "+headers[name])
	}
}

func row(w io.Writer, name, value string) {
	if value != "" {
		fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
	}
}

// printable keeps what a server wrote from moving the cursor or the columns.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
}
