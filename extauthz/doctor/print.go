package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

func (r *Report) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// printTable prints one line for each finding, then what to do about those
// that need it.
func (r *Report) printTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "STEP\tADDRESS\tRESULT\tOBSERVED")
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Step, f.Address, f.Level, f.Observed)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	problems := 0
	for _, f := range r.Findings {
		if f.Level == Problem {
			problems++
		}
		if f.Level != OK {
			f.print(out)
		}
	}
	switch problems {
	case 0:
		fmt.Fprintf(out, "\nNo problem found.\n")
	case 1:
		fmt.Fprintf(out, "\n1 problem found.\n")
	default:
		fmt.Fprintf(out, "\n%d problems found.\n", problems)
	}
	return nil
}

func (f Finding) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s %s at %s\n  %s\n", f.Level, f.Code, f.Address, f.Observed)
	if f.Why != "" {
		fmt.Fprintf(out, "  Why it matters: %s\n", f.Why)
	}
	if f.Remedy != "" {
		fmt.Fprintf(out, "  What to do: %s\n", f.Remedy)
	}
	if f.Envoy != "" {
		fmt.Fprintf(out, "  Envoy:\n    %s\n", strings.ReplaceAll(f.Envoy, "\n", "\n    "))
	}
}
