package api

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/management/report"
	"credence/store"
)

func reportOperations() []Operation {
	const one, schedule = "/v1/reports/{report_id}", "/v1/report-schedules/{schedule_id}"
	created := []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused}
	return []Operation{
		handle(Operation{
			ID: "ReportCreate", Method: http.MethodPost, Path: "/v1/reports", Summary: "Make a report of a stretch of time",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true, Codes: created,
		}, reportCreate),
		handle(Operation{
			ID: "ReportList", Method: http.MethodGet, Path: "/v1/reports", Summary: "List reports, newest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, reportList),
		handle(Operation{
			ID: "ReportShow", Method: http.MethodGet, Path: one, Summary: "Show what a report is about",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, reportShow),
		download(Operation{
			ID: "ReportDownload", Method: http.MethodGet, Path: one + "/download", Summary: "Download a report as HTML, Markdown, CSV or JSON",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, reportTypes(), reportDownload),
		remove(Operation{
			ID: "ReportDelete", Method: http.MethodDelete, Path: one, Summary: "Delete a report before its time",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound},
		}, reportDelete),
		handle(Operation{
			ID: "ReportScheduleCreate", Method: http.MethodPost, Path: "/v1/report-schedules", Summary: "Have a report made of each day, week or month",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true, Codes: created,
		}, reportScheduleCreate),
		handle(Operation{
			ID: "ReportScheduleList", Method: http.MethodGet, Path: "/v1/report-schedules", Summary: "List schedules of reports, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, reportScheduleList),
		remove(Operation{
			ID: "ReportScheduleDelete", Method: http.MethodDelete, Path: schedule, Summary: "End a schedule; the reports that it has made stay",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound},
		}, reportScheduleDelete),
	}
}

// reportTypes are the media types in which a report can be had.
func reportTypes() []string { return mapped(report.Formats(), report.Format.ContentType) }

func reportCreate(ctx context.Context, c call, in *client.ReportCreateInput) (client.Report, error) {
	b := &in.Body
	made, err := c.service.ReportCreate(ctx, c.actor, management.ReportCreate{
		Namespace: b.Namespace, Since: b.Since, Until: b.Until, Idempotency: c.idempotency,
	})
	return wireReportHead(made.Report), err
}

func reportList(ctx context.Context, c call, in *client.ReportListInput) (client.List[client.Report], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Report]{}, err
	}
	found, err := c.service.ReportList(ctx, c.actor, management.ReportList{Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wireReportHead)
}

func reportShow(ctx context.Context, c call, in *client.ReportInput) (client.Report, error) {
	r, err := c.service.ReportRead(ctx, c.actor, in.ReportID)
	return wireReportHead(r), err
}

// reportDownload renders all of it before the first byte goes out: what cannot
// be written is an error that the caller is told.
func reportDownload(ctx context.Context, c call, in *client.ReportDownloadInput) (file, error) {
	format := report.Format(cmp.Or(in.Format, string(report.HTML)))
	r, err := c.service.ReportDownload(ctx, c.actor, in.ReportID, format)
	if err != nil {
		return file{}, err
	}
	var whole bytes.Buffer
	if err := r.Render(&whole, format); err != nil {
		return file{}, err
	}
	return file{
		contentType: format.ContentType(), policy: report.Policy(),
		name: "credence-" + in.ReportID + "." + format.Ending(),
		write: func(_ context.Context, w io.Writer) error {
			_, err := whole.WriteTo(w)
			return err
		},
	}, nil
}

func reportDelete(ctx context.Context, c call, in *client.ReportInput) error {
	return c.service.ReportDelete(ctx, c.actor, in.ReportID)
}

func reportScheduleCreate(ctx context.Context, c call, in *client.ReportScheduleCreateInput) (client.ReportSchedule, error) {
	made, err := c.service.ReportScheduleCreate(ctx, c.actor, management.ReportScheduleCreate{
		Namespace: in.Body.Namespace, Every: in.Body.Every, Idempotency: c.idempotency,
	})
	return wireReportSchedule(made.Schedule), err
}

func reportScheduleList(ctx context.Context, c call, in *client.ReportScheduleListInput) (client.List[client.ReportSchedule], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.ReportSchedule]{}, err
	}
	found, err := c.service.ReportScheduleList(ctx, c.actor, management.ReportScheduleList{Namespace: in.Namespace, Page: page})
	return list(c, found.Items, found.Next, err, wireReportSchedule)
}

func reportScheduleDelete(ctx context.Context, c call, in *client.ReportScheduleInput) error {
	return c.service.ReportScheduleDelete(ctx, c.actor, in.ScheduleID)
}

func wireReportHead(r store.Report) client.Report {
	return client.Report{
		ReportID: r.ID, Namespace: r.Namespace, Span: string(r.Span), Since: r.Since, Until: r.Until, ScheduleID: r.ScheduleID,
		CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, Size: r.Size,
	}
}

func wireReportSchedule(s store.ReportSchedule) client.ReportSchedule {
	return client.ReportSchedule{
		ScheduleID: s.ID, Namespace: s.Namespace, Every: string(s.Every), NextAt: s.NextAt, LastReport: s.LastReport,
		CreatedBy: s.CreatedBy, CreatedAt: s.CreatedAt,
	}
}
