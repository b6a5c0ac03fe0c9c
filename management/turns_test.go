package management_test

import (
	"context"
	"testing"
	"time"

	"credence/management"
	"credence/management/report"
	"credence/store"
)

// held is a backend in which costly work waits until it is let go.
type held struct {
	store.Backend

	reached, let chan struct{}
}

func (h held) wait() {
	h.reached <- struct{}{}
	<-h.let
}

func (h held) CountBlacklistRules(ctx context.Context, namespace string) (own, all int, err error) {
	h.wait()
	return h.Backend.CountBlacklistRules(ctx, namespace)
}

func (h held) KeyNetworks(ctx context.Context, id string, from, until time.Time, limit int) ([]store.KeyNetwork, error) {
	h.wait()
	return h.Backend.KeyNetworks(ctx, id, from, until, limit)
}

// TestCostlyWorkIsDoneOnceAtATimeAndWhoComesSecondIsToldSo: reports of a
// namespace, and replays. What is there already costs nothing.
func TestCostlyWorkIsDoneOnceAtATimeAndWhoComesSecondIsToldSo(t *testing.T) {
	f := newFixture(t)
	h := held{f.db, make(chan struct{}), make(chan struct{})}
	s := f.over(store.New(h, f.keyset, f.clock))
	once := management.ReportCreate{Namespace: "a", Idempotency: management.Idempotency{Key: "once"}}
	for name, work := range map[string]func() error{
		"report": func() error { _, err := s.ReportCreate(t.Context(), global, once); return err },
		"replay": func() error {
			_, err := s.AnomalyReplay(t.Context(), global, management.AnomalyReplay{})
			return err
		},
	} {
		first := make(chan error)
		go func() { first <- work() }()
		<-h.reached
		refused(t, work(), management.CodeUnavailable)
		if name == "report" { // those of others are made meanwhile
			go func() {
				_, err := s.ReportCreate(t.Context(), global, management.ReportCreate{Namespace: "b"})
				first <- err
			}()
			<-h.reached
			h.let <- struct{}{}
			must(t, <-first)
		}
		h.let <- struct{}{}
		must(t, <-first)
	}
	again, err := s.ReportCreate(t.Context(), global, once) // would wait for ever if it was built
	if err != nil || !again.Replayed {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestAReportTellsOfTheAuditLogOnlyToThoseWhoMayReadIt, whoever made it.
func TestAReportTellsOfTheAuditLogOnlyToThoseWhoMayReadIt(t *testing.T) {
	f := newFixture(t)
	busyDay(f)
	f.advance(time.Minute)
	made, err := f.ReportCreate(t.Context(), global, management.ReportCreate{})
	must(t, err)
	for role, may := range map[store.Role]bool{store.RoleViewer: false, store.RoleOperator: false, store.RoleAuditor: true, store.RoleAdmin: true} {
		a := global
		a.Role = role
		r, err := f.ReportDownload(t.Context(), a, made.Report.ID, report.JSON)
		must(t, err)
		told := r.Audit.Entries > 0 && len(r.Audit.Actions) > 0 && r.Blacklist.Added == 2 && len(r.Blacklist.Changes) == 2 && !r.Withheld
		kept := r.Audit.Entries == 0 && len(r.Audit.Actions) == 0 && r.Blacklist.Added == 0 && len(r.Blacklist.Changes) == 0 && r.Withheld
		if r.Blacklist.Rules != 2 || told != may || kept == may {
			t.Errorf("%s: %+v, %+v", role, r.Audit, r.Blacklist)
		}
	}
}

func TestAReportSaysWhatAPolicyHadDone(t *testing.T) {
	w := newWatched(t, rules(suspends))
	k := w.limited(management.KeyCreate{})
	w.see(store.SeverityHigh, &k)
	w.advance(time.Minute)
	if _, r := w.written(global, management.ReportCreate{}); r.Anomalies.Total != 1 || r.Anomalies.Items[0].Done != "suspend done: the key is suspended" {
		t.Errorf("%+v", r.Anomalies)
	}
}
