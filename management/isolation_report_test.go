package management_test

import (
	"context"

	"credence/management"
	"credence/management/report"
)

// reportAttempts are those on reports and their schedules.
var reportAttempts = map[string]attempted{
	"ReportCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportCreate(ctx, onlyA, management.ReportCreate{Namespace: ns})
	}},
	"ReportList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportList(ctx, onlyA, management.ReportList{Namespace: ns})
	}},
	"ReportRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportRead(ctx, onlyA, w.said[ns])
	}},
	"ReportDownload": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportDownload(ctx, onlyA, w.said[ns], report.JSON)
	}},
	"ReportDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.ReportDelete(ctx, onlyA, w.said[ns])
	}},
	"ReportScheduleCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportScheduleCreate(ctx, onlyA, management.ReportScheduleCreate{Namespace: ns, Every: "weekly"})
	}},
	"ReportScheduleList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.ReportScheduleList(ctx, onlyA, management.ReportScheduleList{Namespace: ns})
	}},
	"ReportScheduleDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.ReportScheduleDelete(ctx, onlyA, w.due[ns])
	}},
}
