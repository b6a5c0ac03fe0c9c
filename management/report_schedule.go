package management

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"credence/store"
)

// ReportScheduleCreate is the input of [Service.ReportScheduleCreate].
type ReportScheduleCreate struct {
	Namespace string // "" is about all of them; only global actors may
	Every     string // daily, weekly, monthly

	Idempotency Idempotency
}

// ReportScheduleCreated is the answer of [Service.ReportScheduleCreate].
type ReportScheduleCreated struct {
	Schedule store.ReportSchedule
	Replayed bool // made by an earlier, equal request
}

const (
	// maxReportSchedules is how many schedules a namespace may have.
	maxReportSchedules = 20
	// reportSettled is how long after the end of its time a report is made:
	// usage has arrived then.
	reportSettled = 5 * time.Minute
	// lateReport is how late a report may be before its job is taken for lost.
	lateReport = 10 * time.Minute
	// lateReports bounds those that one pass makes.
	lateReports = 20
)

// ReportScheduleCreate has a report made of each day, week or month once it is
// over.
func (s *Service) ReportScheduleCreate(ctx context.Context, a Actor, in ReportScheduleCreate) (ReportScheduleCreated, error) {
	const what = "report schedule"
	if err := s.reportScope(ctx, a, what, in.Namespace); err != nil {
		return ReportScheduleCreated{}, err
	}
	p := &problems{}
	every := word(p, "every", in.Every, "", store.ReportSpans())
	if in.Every == "" {
		p.add("every", "is missing", "use one of "+listed(store.ReportSpans()))
	}
	p.idempotencyKey(in.Idempotency)
	if err := p.err(what); err != nil {
		return ReportScheduleCreated{}, err
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (ReportScheduleCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return ReportScheduleCreated{}, err
		case id != "":
			r, err := readReportSchedule(ctx, t, a, id)
			return ReportScheduleCreated{Schedule: r, Replayed: true}, err
		}
		id, err := store.NewID(store.ReportScheduleIDPrefix, t.Now(), s.random)
		if err != nil {
			return ReportScheduleCreated{}, err
		}
		r := store.ReportSchedule{
			ID: id, Namespace: in.Namespace, Every: every, NextAt: every.Next(t.Now()).Add(reportSettled),
			CreatedBy: a.ID, CreatedAt: t.Now(), Version: 1,
		}
		there, _, err := t.ReportSchedules(ctx, []string{in.Namespace}, store.Page{Limit: maxReportSchedules})
		if err != nil {
			return ReportScheduleCreated{}, err
		}
		if len(there) >= maxReportSchedules {
			return ReportScheduleCreated{}, refuse(CodeConflict, "report schedule: there are %d already, the most it may be; delete one first", maxReportSchedules)
		}
		if err := t.InsertReportSchedule(ctx, r); err != nil {
			return ReportScheduleCreated{}, err
		}
		t.record(r.Namespace, "report_schedule.create", "report_schedule:"+r.ID, "", details{After: facts{"every": string(r.Every)}})
		return ReportScheduleCreated{Schedule: r}, t.remember(ctx, in.Idempotency, r.ID)
	})
	return out, err
}

// readReportSchedule reads a schedule that the actor may see.
func readReportSchedule(ctx context.Context, r store.ReportReader, a Actor, id string) (store.ReportSchedule, error) {
	what := "report schedule " + quoted(id)
	found, err := r.ReportSchedule(ctx, id)
	if err != nil {
		return store.ReportSchedule{}, failed(what, err)
	}
	if !a.May(found.Namespace) {
		return store.ReportSchedule{}, notFound(what)
	}
	return found, nil
}

// ReportScheduleList is the input of [Service.ReportScheduleList].
type ReportScheduleList struct {
	Namespace string // "" for all that the actor may see
	Page      PageInput
}

// ReportSchedulePage is a part of the schedules, by id.
type ReportSchedulePage struct {
	Items []store.ReportSchedule
	Next  store.Cursor // "" when nothing follows
}

// ReportScheduleList lists the schedules that the actor may see.
func (s *Service) ReportScheduleList(ctx context.Context, a Actor, in ReportScheduleList) (ReportSchedulePage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list report schedules"); err != nil {
		return ReportSchedulePage{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if !some {
		return ReportSchedulePage{}, nil
	}
	items, next, err := s.store.ReportSchedules(ctx, scopes, page)
	if err != nil {
		return ReportSchedulePage{}, failed("list report schedules", err)
	}
	return ReportSchedulePage{Items: items, Next: next}, nil
}

// ReportScheduleDelete ends a schedule. The reports that it has made stay.
func (s *Service) ReportScheduleDelete(ctx context.Context, a Actor, id string) error {
	_, _, err := transact(ctx, s, a, "report schedule "+quoted(id), func(ctx context.Context, t *transaction) (struct{}, error) {
		r, err := readReportSchedule(ctx, t, a, id)
		if err != nil {
			return struct{}{}, err
		}
		if err := t.DeleteReportSchedule(ctx, r.ID, r.Version); err != nil {
			return struct{}{}, err
		}
		t.record(r.Namespace, "report_schedule.delete", "report_schedule:"+r.ID, "", details{Before: facts{"every": string(r.Every)}})
		return struct{}{}, nil
	})
	return err
}

// ReportMake makes the report of a schedule whose time has come; the job of that
// name calls it. It answers the zero time when the schedule is gone, else the
// instant at which to call again. The report, the event and the next instant are
// one transaction, so each time gets one report, however often this is called.
// Of several times that were missed, because no control plane ran, the last one
// gets its report.
func (s *Service) ReportMake(ctx context.Context, id string) (again time.Time, err error) {
	again, _, err = s.makeReport(ctx, id)
	return again, err
}

// makeReport also answers whether it was this call that made one.
func (s *Service) makeReport(ctx context.Context, id string) (again time.Time, made bool, err error) {
	what := "report of schedule " + quoted(id)
	schedule, err := s.store.ReportSchedule(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, false, nil
	}
	if err != nil {
		return time.Time{}, false, failed(what, err)
	}
	now := s.now().UTC()
	if schedule.NextAt.After(now) {
		return schedule.NextAt, false, nil
	}
	until := schedule.Every.Begin(now.Add(-reportSettled))
	since := schedule.Every.Begin(until.Add(-time.Microsecond))
	a := Actor{ID: "job:" + store.KindReportMake, Role: store.RoleAdmin}
	content, err := s.newReport(ctx, &store.Report{
		Namespace: schedule.Namespace, Span: schedule.Every, Since: since, Until: until, ScheduleID: schedule.ID, CreatedBy: a.ID,
	})
	if err != nil {
		return time.Time{}, false, failed(what, err)
	}
	_, _, err = transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (struct{}, error) {
		if err := t.keepReport(ctx, content); err != nil {
			return struct{}{}, err
		}
		schedule.NextAt, schedule.LastReport = schedule.Every.Next(until).Add(reportSettled), content.ID
		return struct{}{}, t.UpdateReportSchedule(ctx, schedule)
	})
	if errors.Is(err, store.ErrStale) || errors.Is(err, store.ErrNotFound) { // made by another, or deleted meanwhile
		current, err := s.store.ReportSchedule(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return time.Time{}, false, nil
		}
		return current.NextAt, false, failed(what, err)
	}
	return schedule.NextAt, err == nil, err
}

// ReportMakeLate makes the reports whose jobs have not, and answers how many.
func (s *Service) ReportMakeLate(ctx context.Context) (made int, err error) {
	late, err := s.store.LateReportSchedules(ctx, s.now().Add(-lateReport), lateReports)
	if err != nil {
		return 0, failed("late reports", err)
	}
	var errs []error
	for _, id := range late {
		_, is, err := s.makeReport(ctx, id)
		if err != nil {
			s.logger.WarnContext(ctx, "report was not made", slog.String("schedule_id", id), slog.Any("error", err))
			errs = append(errs, err)
		}
		if is {
			made++
		}
	}
	return made, errors.Join(errs...)
}
