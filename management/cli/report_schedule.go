package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// reportSchedules is a noun within a noun.
func reportSchedules(c *command) *cobra.Command {
	parent := &cobra.Command{
		Use: "schedules", Short: "reports of each day, week or month",
		Long: `Has a report made of each day, week or month, in UTC, five minutes after it is
over. Whoever wants to know when it is there listens for the event report.ready.`,
		Example: "  credence report schedules create weekly --namespace payments\n  credence report schedules list",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q: `%s --help` lists them", args[0], cmd.CommandPath()))
			}
			return cmd.Help()
		},
	}
	parent.AddCommand(reportScheduleCreate(c), reportScheduleList(c), reportScheduleDelete(c))
	return parent
}

func reportScheduleCreate(c *command) *cobra.Command {
	var in client.ReportScheduleCreateInput
	cmd := &cobra.Command{
		Use: "create EVERY", Short: "have a report made of each day, week or month",
		Long:    "EVERY is daily, weekly (from Monday on) or monthly. The first report is of the\ntime that runs now.",
		Example: "  credence report schedules create daily\n  credence report schedules create monthly --namespace payments",
	}
	namespaceFlag(cmd, &in.Body.Namespace, "about this namespace (default: about all)")
	idempotencyFlag(cmd, &in.IdempotencyKey)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		in.Body.Every = args[0]
		s, err := api.ReportScheduleCreate(ctx, in)
		if err != nil {
			return err
		}
		return c.show(s, [][2]string{
			{"schedule", s.ScheduleID}, {"namespace", first(s.Namespace, "(all)")}, {"every", s.Every}, {"next report", c.when(s.NextAt)},
		})
	})
}

func reportScheduleList(c *command) *cobra.Command {
	var in client.ReportScheduleListInput
	cmd := &cobra.Command{
		Use: "list", Short: "list schedules of reports, oldest first",
		Long:    "Lists the schedules that you may see, when each makes its next report, and which\none it has made last.",
		Example: "  credence report schedules list\n  credence report schedules list -o json",
	}
	page := pagingFlags(cmd)
	namespaceFlag(cmd, &in.Namespace, "only those about this namespace")
	return c.verb(cmd, 0, func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := gather(ctx, page, func(ctx context.Context, p client.PageInput) (client.List[client.ReportSchedule], error) {
			in.PageInput = p
			return api.ReportScheduleList(ctx, in)
		})
		if err != nil {
			return err
		}
		return showList(c, list, "ID\tNAMESPACE\tEVERY\tNEXT\tLAST REPORT", func(s client.ReportSchedule) []string {
			return []string{s.ScheduleID, first(s.Namespace, "(all)"), s.Every, c.whenShort(s.NextAt), s.LastReport}
		})
	})
}

func reportScheduleDelete(c *command) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "delete SCHEDULE_ID", Short: "end a schedule; the reports that it has made stay",
		Long: "Ends a schedule: no report is made by it any more. Those that it has made stay.", Example: "  credence report schedules delete rsc_01jc8zq8m4x0",
	}
	yesFlag(cmd, &yes)
	return c.verb(cmd, 1, func(ctx context.Context, api *client.Client, args []string) error {
		if err := c.confirm(yes, "End report schedule "+printable(args[0])+"?"); err != nil {
			return err
		}
		if err := api.ReportScheduleDelete(ctx, client.ReportScheduleInput{ScheduleID: args[0]}); err != nil {
			return err
		}
		return c.done("report schedule " + args[0] + " deleted")
	})
}
