package management

import (
	"context"
	"errors"
	"fmt"
	"time"

	"credence/management/event"
	"credence/management/report"
	"credence/store"
)

// ReportCreate is the input of [Service.ReportCreate].
type ReportCreate struct {
	Namespace    string    // "" is about all of them; only global actors may
	Since, Until time.Time // zero: a day before Until, now

	Idempotency Idempotency
}

// ReportCreated is the answer of [Service.ReportCreate], without content.
type ReportCreated struct {
	Report   store.Report
	Replayed bool // made by an earlier, equal request
}

const (
	// maxReports is how many reports somebody may have made for a namespace
	// beside those of schedules.
	maxReports = store.MaxPage
	// longestReport is the longest time that a report is about.
	longestReport = 400 * 24 * time.Hour
)

// ReportCreate writes down what was used, and what somebody should look at, in
// a stretch of time. It stays as it is now.
func (s *Service) ReportCreate(ctx context.Context, a Actor, in ReportCreate) (ReportCreated, error) {
	const what = "report"
	if err := s.reportScope(ctx, a, what, in.Namespace); err != nil {
		return ReportCreated{}, err
	}
	p := &problems{now: s.now().UTC()}
	since, until := p.usageTime(in.Since, in.Until)
	switch {
	case until.Sub(since) > longestReport:
		p.add("since", "is more than 400 days before the end", "ask for less")
	case until.After(p.now):
		p.add("until", "is in the future", "leave it out, or give an instant up to now")
	}
	p.idempotencyKey(in.Idempotency)
	if err := p.err(what); err != nil {
		return ReportCreated{}, err
	}
	// What is refused, or there already, costs no report.
	if there, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (ReportCreated, error) {
		return t.roomForReport(ctx, a, &in)
	}); err != nil || there.Replayed {
		there.Report.Content = nil
		return there, err
	}
	end, free := s.turns.take("report:" + in.Namespace)
	if !free {
		return ReportCreated{}, refuse(CodeUnavailable, "report: another one about the same is being made; try again when it is there")
	}
	defer end()
	made, err := s.newReport(ctx, &store.Report{Namespace: in.Namespace, Span: store.ReportOnDemand, Since: since, Until: until, CreatedBy: a.ID})
	if err != nil {
		return ReportCreated{}, failed(what, err)
	}
	out, _, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (ReportCreated, error) {
		if there, err := t.roomForReport(ctx, a, &in); err != nil || there.Replayed {
			return there, err
		}
		if err := t.keepReport(ctx, made); err != nil {
			return ReportCreated{}, err
		}
		return ReportCreated{Report: *made}, t.remember(ctx, in.Idempotency, made.ID)
	})
	out.Report.Content = nil
	return out, err
}

// roomForReport answers the report that an earlier, equal request has made, and
// refuses when there are too many.
func (t *transaction) roomForReport(ctx context.Context, a Actor, in *ReportCreate) (ReportCreated, error) {
	switch id, err := t.replayed(ctx, in.Idempotency); {
	case err != nil:
		return ReportCreated{}, err
	case id != "":
		r, err := readReport(ctx, t, a, id)
		return ReportCreated{Report: r, Replayed: true}, err
	}
	there, err := t.CountReports(ctx, in.Namespace)
	if err == nil && there >= maxReports {
		err = refuse(CodeConflict, "report: there are %d already, the most it may be; delete some first", maxReports)
	}
	return ReportCreated{}, err
}

// reportScope refuses to write about a namespace that the actor may not see,
// or that does not exist.
func (s *Service) reportScope(ctx context.Context, a Actor, what, namespace string) error {
	if namespace == "" {
		if !a.Global() {
			return refuse(CodeForbidden, "%s: one about all namespaces can be made only by a token that is not limited to namespaces; name one of yours", what)
		}
		return nil
	}
	p := &problems{}
	if _, err := (&transaction{Tx: &store.Tx{Reader: s.store}, actor: a}).home(ctx, p, namespace); err != nil {
		return failed(what, err)
	}
	return p.err(what)
}

// newReport builds what the head asks for, and gives it an id.
func (s *Service) newReport(ctx context.Context, head *store.Report) (*store.Report, error) {
	head.CreatedAt = s.now().UTC().Truncate(time.Microsecond)
	var err error
	if head.ID, err = store.NewID(store.ReportIDPrefix, head.CreatedAt, s.random); err != nil {
		return nil, err
	}
	model, err := s.buildReport(ctx, head)
	if err != nil {
		return nil, err
	}
	if head.Content, err = model.Encode(); err != nil {
		return nil, err
	}
	head.Size = int64(len(head.Content))
	return head, nil
}

// keepReport keeps a report, and tells of it.
func (t *transaction) keepReport(ctx context.Context, r *store.Report) error {
	if err := t.InsertReport(ctx, *r); err != nil {
		return err
	}
	t.record(r.Namespace, "report.create", "report:"+r.ID, "", details{After: reportFacts(r)})
	t.emit(event.ReportReady, r.Namespace, event.Report{
		ReportID: r.ID, Namespace: r.Namespace, Span: string(r.Span), Since: r.Since, Until: r.Until, ScheduleID: r.ScheduleID, Actor: t.actor.ID,
	})
	return nil
}

func reportFacts(r *store.Report) facts {
	f := facts{"span": string(r.Span)}
	f.instant("since", r.Since)
	f.instant("until", r.Until)
	f.text("schedule_id", r.ScheduleID)
	return f
}

// ReportRead reads what there is to know of a report, without content.
func (s *Service) ReportRead(ctx context.Context, a Actor, id string) (store.Report, error) {
	r, err := readReport(ctx, s.store, a, id)
	r.Content = nil
	return r, err
}

// ReportDownload answers a report to be written in the format, without what
// the audit log tells if the actor may not read that.
func (s *Service) ReportDownload(ctx context.Context, a Actor, id string, format report.Format) (*report.Report, error) {
	p := &problems{}
	word(p, "format", string(format), report.HTML, report.Formats())
	if err := p.err("report " + quoted(id)); err != nil {
		return nil, err
	}
	kept, err := readReport(ctx, s.store, a, id)
	if err != nil {
		return nil, err
	}
	r, err := report.Decode(kept.Content)
	if err != nil {
		return nil, failed("report "+quoted(id), fmt.Errorf("%w: %w", store.ErrCorrupt, err))
	}
	if !a.Role.Includes(store.RoleAuditor) { // as AuditList has it
		r.Withhold()
	}
	return r, nil
}

// readReport reads a report that the actor may see. One about all namespaces is
// in none, so only global actors may see it.
func readReport(ctx context.Context, r store.ReportReader, a Actor, id string) (store.Report, error) {
	what := "report " + quoted(id)
	found, err := r.Report(ctx, id)
	if err != nil {
		return store.Report{}, failed(what, err)
	}
	if !a.May(found.Namespace) {
		return store.Report{}, notFound(what)
	}
	return found, nil
}

// ReportList is the input of [Service.ReportList].
type ReportList struct {
	Namespace string // "" for all that the actor may see
	Page      PageInput
}

// ReportPage is a part of the reports, newest first, without content.
type ReportPage struct {
	Items []store.Report
	Next  store.Cursor // "" when nothing follows
}

// ReportList lists the reports that the actor may see.
func (s *Service) ReportList(ctx context.Context, a Actor, in ReportList) (ReportPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	if err := p.err("list reports"); err != nil {
		return ReportPage{}, err
	}
	scopes, some := a.visible(in.Namespace)
	if !some {
		return ReportPage{}, nil
	}
	items, next, err := s.store.Reports(ctx, scopes, page)
	if err != nil {
		return ReportPage{}, failed("list reports", err)
	}
	return ReportPage{Items: items, Next: next}, nil
}

// ReportDelete removes a report before its time.
func (s *Service) ReportDelete(ctx context.Context, a Actor, id string) error {
	_, _, err := transact(ctx, s, a, "report "+quoted(id), func(ctx context.Context, t *transaction) (struct{}, error) {
		r, err := readReport(ctx, t, a, id)
		if err != nil {
			return struct{}{}, err
		}
		if err := t.DeleteReport(ctx, r.ID); err != nil {
			return struct{}{}, err
		}
		t.record(r.Namespace, "report.delete", "report:"+r.ID, "", details{Before: reportFacts(&r)})
		return struct{}{}, nil
	})
	return err
}

// unreported refuses while there are reports about the namespace, or are to be:
// who made one of that name again would read them.
func (t *transaction) unreported(ctx context.Context, what, namespace string) error {
	scope := []string{namespace}
	kept, _, err := t.Reports(ctx, scope, store.Page{Limit: 1})
	schedules, _, err2 := t.ReportSchedules(ctx, scope, store.Page{Limit: 1})
	switch {
	case err != nil || err2 != nil:
		return errors.Join(err, err2)
	case len(schedules) > 0:
		return refuse(CodeInUse, "%s: still in use: report schedule %s is about it; delete that first", what, schedules[0].ID)
	case len(kept) > 0:
		return refuse(CodeInUse, "%s: still in use: report %s is about it; delete its reports first", what, kept[0].ID)
	}
	return nil
}
