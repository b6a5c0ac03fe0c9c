package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"credence/management/client"
)

const reportExamples = `  credence report create --since 24h --format html --out report.html
  credence report list
  credence report download rpt_01jc8zq8m4x0 --format csv --out report.csv
  credence report schedules create weekly --namespace payments`

func reportCreate(c *command) *cobra.Command {
	var in client.ReportCreateInput
	var since, until, format, out string
	cmd := &cobra.Command{
		Use: "create", Short: "make a report of a stretch of time",
		Long: `Makes a report: usage, who was let through and refused most, keys that end, are
unused, break their policy or are to be rotated, findings, quotas, changes of the
blacklist, and what was done. It is kept as it is now; with --out it is also
written to a new file. docs/reports.md says what each part means.`,
		Example: "  credence report create --since 24h --format html --out report.html\n  credence report create --namespace payments --since 30d",
	}
	f := cmd.Flags()
	f.StringVar(&since, "since", "", "from this instant (RFC 3339) or this length ago (24h, 30d); a day before the end if unsaid")
	f.StringVar(&until, "until", "", "up to this instant (RFC 3339) or this length ago; now if unsaid")
	namespaceFlag(cmd, &in.Body.Namespace, "about this namespace (default: about all)")
	formatFlags(cmd, &format, &out)
	idempotencyFlag(cmd, &in.IdempotencyKey)
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		var err error
		if in.Body.Since, err = c.past("since", since); err != nil {
			return err
		}
		if in.Body.Until, err = c.past("until", until); err != nil {
			return err
		}
		made, err := api.ReportCreate(ctx, in)
		if err != nil {
			return err
		}
		if out != "" {
			if err := c.downloadReport(ctx, api, made.ReportID, format, out); err != nil || out == "-" {
				return err
			}
		}
		return c.showReport(made)
	})
}

func formatFlags(cmd *cobra.Command, format, out *string) {
	cmd.Flags().StringVar(format, "format", "html", "how it is written: html, markdown, csv or json")
	cmd.Flags().StringVar(out, "out", "", "new file to write it to, - for standard output")
}

func (c *command) downloadReport(ctx context.Context, api *client.Client, id, format, out string) error {
	answer, err := api.ReportDownload(ctx, client.ReportDownloadInput{ReportID: id, Format: format})
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end, or given up
	return c.saved(out, answer.Body)
}

func reportDownload(c *command) *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use: "download REPORT_ID", Short: "write a report to a file",
		Long: `Writes a report that was made before, in any format: HTML for people, one file
that needs no other and runs nothing; Markdown; CSV with a row for each value; or
JSON with everything.`,
		Example: "  credence report download rpt_01jc8zq8m4x0 --out report.html\n  credence report download rpt_01jc8zq8m4x0 --format json --out - | jq .usage.total",
	}
	formatFlags(cmd, &format, &out)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if out == "" {
			return usage(fmt.Errorf("--out is missing: name the file to write, or - for standard output"))
		}
		return c.downloadReport(ctx, api, args[0], format, out)
	})
}

func reportList(c *command) *cobra.Command {
	var in client.ReportListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list reports, newest first",
		Long:    "Lists the reports that you may see: those about your namespaces, and those about\nall of them if you are not limited to namespaces.",
		Example: "  credence report list\n  credence report list --namespace payments -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those about this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.Report], error) {
			in.PageInput = p
			return api.ReportList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tNAMESPACE\tSPAN\tSINCE\tUNTIL\tMADE", func(r client.Report) []string {
			return []string{r.ReportID, first(r.Namespace, "(all)"), r.Span, stamp(r.Since), stamp(r.Until), c.whenShort(r.CreatedAt)}
		})
	})
}

func reportShow(c *command) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show REPORT_ID", Short: "show what a report is about", Example: "  credence report show rpt_01jc8zq8m4x0",
		Long: "Shows what a report is about, when and by whom it was made. What it says:\ncredence report download.",
	}
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		r, err := api.ReportShow(ctx, client.ReportInput{ReportID: args[0]})
		if err != nil {
			return err
		}
		return c.showReport(r)
	})
}

func (c *command) showReport(r client.Report) error {
	return c.show(r, [][2]string{
		{"report", r.ReportID},
		{"namespace", first(r.Namespace, "(all)")},
		{"span", r.Span},
		{"since", stamp(r.Since)},
		{"until", stamp(r.Until)},
		{"schedule", r.ScheduleID},
		{"made", c.when(r.CreatedAt)},
		{"made by", r.CreatedBy},
		{"size", strconv.FormatInt(r.Size, 10) + " bytes"},
	})
}

func reportDelete(c *command) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete REPORT_ID", Short: "delete a report before its time", Example: "  credence report delete rpt_01jc8zq8m4x0",
		Long: "Deletes a report. Without this it is kept as long as --reports-retention of the\nserver says.",
	}
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "Delete report "+printable(args[0])+"?"); err != nil {
			return err
		}
		if err := api.ReportDelete(ctx, client.ReportInput{ReportID: args[0]}); err != nil {
			return err
		}
		return c.done("report " + args[0] + " deleted")
	})
}
