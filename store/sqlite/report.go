package sqlite

import (
	"context"
	"fmt"
	"time"

	"credence/store"
)

const (
	reportColumns   = "report_id, namespace, span, since, until, schedule_id, created_by, created_at, size"
	scheduleColumns = "schedule_id, namespace, every, next_at, last_report, created_by, created_at, version"
)

func reportFields(r *store.Report) []any {
	return []any{
		&r.ID,
		optionalText{&r.Namespace},
		&r.Span,
		instant{&r.Since},
		instant{&r.Until},
		&r.ScheduleID, &r.CreatedBy,
		instant{&r.CreatedAt},
		&r.Size,
	}
}

func scanReport(r row, to *store.Report) error { return r.Scan(reportFields(to)...) }

func scanSchedule(r row, s *store.ReportSchedule) error {
	return r.Scan(&s.ID, optionalText{&s.Namespace}, &s.Every, instant{&s.NextAt}, &s.LastReport, &s.CreatedBy,
		instant{&s.CreatedAt}, &s.Version)
}

// Report implements [store.ReportReader].
func (r reader) Report(ctx context.Context, id string) (store.Report, error) {
	var found store.Report
	err := r.q.QueryRowContext(ctx, "SELECT "+reportColumns+", content FROM reports WHERE report_id = ?", id).
		Scan(append(reportFields(&found), &found.Content)...)
	if err != nil {
		return store.Report{}, fmt.Errorf("report %q: %w", id, translate(err))
	}
	return found, nil
}

// Reports implements [store.ReportReader].
func (r reader) Reports(ctx context.Context, scopes []string, page store.Page) ([]store.Report, store.Cursor, error) {
	var c conditions
	c.anyOf("ifnull(namespace, '')", scopes)
	if page.After != "" {
		c.add("report_id < ?", string(page.After))
	}
	query := c.query("SELECT "+reportColumns+" FROM reports", " ORDER BY report_id DESC LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanReport)
	if err != nil {
		return nil, "", fmt.Errorf("reports: %w", err)
	}
	found, next := cutPage(found, page, func(r *store.Report) store.Cursor { return store.Cursor(r.ID) })
	return found, next, nil
}

// CountReports implements [store.ReportReader].
func (r reader) CountReports(ctx context.Context, scope string) (n int, err error) {
	err = r.q.QueryRowContext(ctx, "SELECT count(*) FROM reports WHERE namespace IS nullif(?, '') AND schedule_id = ''", scope).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count reports: %w", err)
	}
	return n, nil
}

// ReportSchedule implements [store.ReportReader].
func (r reader) ReportSchedule(ctx context.Context, id string) (store.ReportSchedule, error) {
	var s store.ReportSchedule
	err := scanSchedule(r.q.QueryRowContext(ctx, "SELECT "+scheduleColumns+" FROM report_schedules WHERE schedule_id = ?", id), &s)
	if err != nil {
		return store.ReportSchedule{}, fmt.Errorf("report schedule %q: %w", id, translate(err))
	}
	return s, nil
}

// ReportSchedules implements [store.ReportReader].
func (r reader) ReportSchedules(ctx context.Context, scopes []string, page store.Page) ([]store.ReportSchedule, store.Cursor, error) {
	var c conditions
	c.anyOf("ifnull(namespace, '')", scopes)
	c.add("schedule_id > ?", string(page.After))
	query := c.query("SELECT "+scheduleColumns+" FROM report_schedules", " ORDER BY schedule_id LIMIT ?")
	found, err := listRows(ctx, r.q, query, append(c.args, page.Size()+1), scanSchedule)
	if err != nil {
		return nil, "", fmt.Errorf("report schedules: %w", err)
	}
	found, next := cutPage(found, page, func(s *store.ReportSchedule) store.Cursor { return store.Cursor(s.ID) })
	return found, next, nil
}

// LateReportSchedules implements [store.ReportReader].
func (r reader) LateReportSchedules(ctx context.Context, before time.Time, limit int) ([]string, error) {
	late, err := listRows(ctx, r.q, "SELECT schedule_id FROM report_schedules WHERE next_at < ? ORDER BY next_at, schedule_id LIMIT ?",
		[]any{micros(before), limit}, func(r row, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("late report schedules: %w", err)
	}
	return late, nil
}

// InsertReport implements [store.ReportWriter].
func (w *writer) InsertReport(ctx context.Context, r store.Report) error {
	_, err := w.tx.ExecContext(ctx, "INSERT INTO reports ("+reportColumns+", content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, textOrNull(r.Namespace), r.Span, micros(r.Since), micros(r.Until), r.ScheduleID, r.CreatedBy, micros(r.CreatedAt), r.Size, r.Content)
	if err != nil {
		return fmt.Errorf("insert report %q: %w", r.ID, translate(err))
	}
	return nil
}

// DeleteReport implements [store.ReportWriter].
func (w *writer) DeleteReport(ctx context.Context, id string) error {
	n, err := removed(w.tx.ExecContext(ctx, "DELETE FROM reports WHERE report_id = ?", id))
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete report %q: %w", id, err)
	}
	return nil
}

// RemoveReports implements [store.ReportWriter].
func (w *writer) RemoveReports(ctx context.Context, before time.Time) (int, error) {
	return removeOld(ctx, w.tx, store.OldReports, before)
}

// InsertReportSchedule implements [store.ReportWriter].
func (w *writer) InsertReportSchedule(ctx context.Context, s store.ReportSchedule) error {
	_, err := w.tx.ExecContext(ctx, "INSERT INTO report_schedules ("+scheduleColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		s.ID, textOrNull(s.Namespace), s.Every, micros(s.NextAt), s.LastReport, s.CreatedBy, micros(s.CreatedAt), s.Version)
	if err != nil {
		return fmt.Errorf("insert report schedule %q: %w", s.ID, translate(err))
	}
	return nil
}

const scheduleVersion = "SELECT version FROM report_schedules WHERE schedule_id = ?"

// UpdateReportSchedule implements [store.ReportWriter].
func (w *writer) UpdateReportSchedule(ctx context.Context, s store.ReportSchedule) error {
	result, err := w.tx.ExecContext(ctx,
		"UPDATE report_schedules SET next_at = ?, last_report = ?, version = version + 1 WHERE schedule_id = ? AND version = ?",
		micros(s.NextAt), s.LastReport, s.ID, s.Version)
	if err != nil {
		return fmt.Errorf("update report schedule %q: %w", s.ID, translate(err))
	}
	if err := w.versioned(ctx, result, scheduleVersion, s.ID); err != nil {
		return fmt.Errorf("update report schedule %q: %w", s.ID, err)
	}
	return nil
}

// DeleteReportSchedule implements [store.ReportWriter].
func (w *writer) DeleteReportSchedule(ctx context.Context, id string, version int64) error {
	result, err := w.tx.ExecContext(ctx, "DELETE FROM report_schedules WHERE schedule_id = ? AND version = ?", id, version)
	if err != nil {
		return fmt.Errorf("delete report schedule %q: %w", id, translateDelete(err))
	}
	if err := w.versioned(ctx, result, scheduleVersion, id); err != nil {
		return fmt.Errorf("delete report schedule %q: %w", id, err)
	}
	return nil
}
