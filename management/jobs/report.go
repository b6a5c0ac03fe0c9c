package jobs

import (
	"context"
	"log/slog"
	"time"

	"credence/store"
)

// reportMaker is the use-case. Service of package management fulfils it.
type reportMaker interface {
	// ReportMake makes the report of a schedule whose time has come and answers
	// the zero time when the schedule is gone, else the instant at which to
	// call again.
	ReportMake(ctx context.Context, id string) (again time.Time, err error)
}

// reportMake is the job that makes the next report of a schedule. Each schedule
// has one, from its first report to its end.
func reportMake(reports reportMaker) due {
	return due{kind: store.KindReportMake, field: "id", do: reports.ReportMake}
}

// lateReporter is the use-case. Service of package management fulfils it.
type lateReporter interface {
	// ReportMakeLate makes the reports whose jobs have not.
	ReportMakeLate(ctx context.Context) (made int, err error)
}

// LateReports is the pass that makes reports whose job was lost. One that is
// made meanwhile is not made twice.
func LateReports(service lateReporter) Pass {
	return Pass{Name: "late_reports", Every: 5 * time.Minute, Do: func(ctx context.Context) ([]slog.Attr, error) {
		made, err := service.ReportMakeLate(ctx)
		if made == 0 {
			return nil, err
		}
		return []slog.Attr{slog.Int("reports", made)}, err
	}}
}
