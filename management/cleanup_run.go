package management

import (
	"context"
	"time"

	"credence/store"
)

// Cleanup is how one cleanup stands.
type Cleanup struct {
	Name  string
	About string
	Every time.Duration
	Aged  bool          // it is about what is older than Keep
	Keep  time.Duration // 0 where Aged: for ever
	Last  store.CleanupReport
}

// CleanupList lists all cleanups, and what the last run of each did. That is
// about all namespaces, so an actor that is limited to some is not told.
func (s *Service) CleanupList(ctx context.Context, a Actor) ([]Cleanup, error) {
	reports, err := s.store.CleanupReports(ctx)
	if err != nil {
		return nil, failed("list cleanups", err)
	}
	if !a.Global() {
		reports = nil
	}
	last := make(map[string]store.CleanupReport, len(reports))
	for _, r := range reports {
		last[r.Name] = r
	}
	var out []Cleanup
	for _, c := range s.cleanups() {
		out = append(out, Cleanup{Name: c.name, About: c.about, Every: c.every, Aged: c.aged, Keep: c.keep, Last: last[c.name]})
	}
	return out, nil
}

// CleanupRun is the input of [Service.CleanupRun].
type CleanupRun struct {
	Name   string
	DryRun bool
}

// askedBatches is how many batches a run does that somebody waits for. The
// answer says when there is more.
const askedBatches = 20

// CleanupRun runs a cleanup now, or says what that would do. It is the same run
// that the control plane does by itself.
func (s *Service) CleanupRun(ctx context.Context, a Actor, in CleanupRun) (CleanupDone, error) {
	what := "cleanup " + quoted(in.Name)
	if !a.Global() {
		return CleanupDone{}, refuse(CodeForbidden, "%s: it is about all namespaces; use a token that is not limited to some", what)
	}
	c, known := s.cleanup(in.Name)
	switch {
	case !known:
		return CleanupDone{}, notFound(what)
	case c.off():
		return CleanupDone{}, refuse(CodeConflict, "%s: it is kept for ever; a control plane with a --%s-retention would remove it", what, c.setting())
	case in.DryRun:
		return s.clean(ctx, &c, a, true, 0)
	}
	_, _, err := transact(ctx, s, a, what, func(_ context.Context, t *transaction) (struct{}, error) {
		t.record("", "cleanup.run", "cleanup:"+c.name, "", details{})
		return struct{}{}, nil
	})
	if err != nil {
		return CleanupDone{}, err
	}
	return s.clean(ctx, &c, a, false, min(c.most, askedBatches))
}

// setting is how long it is kept by.
func (c *cleanup) setting() string {
	if c.name == "revoked-keys" {
		return "revoked"
	}
	return c.name
}

func (s *Service) cleanup(name string) (cleanup, bool) {
	for _, c := range s.cleanups() {
		if c.name == name {
			return c, true
		}
	}
	return cleanup{}, false
}

// CleanupEvery is how often the control plane is to call [Service.CleanupPass]
// for each cleanup that has something to do.
func (s *Service) CleanupEvery() map[string]time.Duration {
	every := map[string]time.Duration{}
	for _, c := range s.cleanups() {
		if !c.off() {
			every[c.name] = c.every
		}
	}
	return every
}

// CleanupPass is [Service.CleanupRun] by the control plane itself.
func (s *Service) CleanupPass(ctx context.Context, name string) (store.CleanupReport, error) {
	c, known := s.cleanup(name)
	if !known {
		return store.CleanupReport{}, notFound("cleanup " + quoted(name))
	}
	done, err := s.clean(ctx, &c, Actor{ID: "job:cleanup", Role: store.RoleAdmin}, false, c.most)
	return done.CleanupReport, err
}
