package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/feed"
	"credence/extauthz/snapshot"
	"credence/store"
	"credence/store/credential"
)

func snapshotSettings() []setting {
	return []setting{
		{inExtauthz, "snapshot-every", "duration", "1m", "how often the keys in memory are written to the data folder, sealed, for a restart while the database is gone; 0 never", duration(func(c *config) *time.Duration { return &c.SnapshotEvery }, 0, time.Hour)},
	}
}

// outOfReach reports whether the database did not answer, and there is a
// snapshot that could be gone on from, usable or not. A database that answers
// and turns the process away is another matter: somebody has to mend that.
func outOfReach(c config, err error) bool {
	return errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrRefused) &&
		strings.HasPrefix(c.Store, "postgres") && c.SnapshotEvery > 0 && snapshot.Exists(c.DataDir)
}

// withoutStore runs the data plane from what an earlier process has left, and
// connects to the database when it is there again.
func withoutStore(ctx context.Context, c config, logger *slog.Logger, l *listeners, unreached error) error {
	logger.ErrorContext(ctx, "database cannot be reached, looking at the snapshot", slog.Any("error", unreached))
	secrets, err := credential.LoadSecrets(c.SecretsFile)
	if err != nil {
		return errors.Join(unreached, err)
	}
	return newDeployment(c, nil, secrets, logger, l.registry).runKeeping(ctx, l)
}

// runKeeping runs a data plane that keeps a snapshot.
func (d *deployment) runKeeping(ctx context.Context, l *listeners) error {
	d.snapshot = newReplicaSnapshot(d.logger)
	if d.config.SnapshotEvery > 0 {
		d.openSnapshot(ctx)
	}
	return errors.Join(d.run(ctx, l, nil), d.snapshot.close())
}

// replicaSnapshot is the snapshot of this process; nil in one that has none.
type replicaSnapshot struct {
	logger  *slog.Logger
	every   time.Duration
	folder  *snapshot.Folder // nil when none is kept
	state   *snapshot.State  // what is gone on from; nil in a start with the database
	problem error            // why there is no folder
	late    store.Backend    // connected after the start
	refused *prometheus.CounterVec
}

func newReplicaSnapshot(logger *slog.Logger) *replicaSnapshot {
	s := &replicaSnapshot{logger: logger, refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "credence_snapshot_refused_total", Help: "Snapshots that were not used, by reason.",
	}, []string{"reason"})}
	for _, r := range snapshot.Reasons() {
		s.refused.WithLabelValues(string(r))
	}
	return s
}

// openSnapshot takes the data folder and, without a database, reads what is
// there. Nothing that is wrong with it ends the process.
func (d *deployment) openSnapshot(ctx context.Context) {
	s := d.snapshot
	s.every = d.config.SnapshotEvery
	s.folder, s.problem = snapshot.Open(snapshot.Options{
		Path: d.config.DataDir, Secret: d.secrets.SnapshotKey(), Ceiling: d.config.Ceiling,
		Now: time.Now, Machine: snapshot.ThisMachine, Random: rand.Reader,
	})
	if s.problem != nil {
		d.logger.ErrorContext(ctx, "no snapshot is kept", slog.Any("error", s.problem))
		return
	}
	if d.data.Connected() {
		return
	}
	state, err := s.folder.Restore()
	if err != nil {
		s.refuse(ctx, err)
		return
	}
	s.state = state
}

// refuse says why the snapshot is not used.
func (s *replicaSnapshot) refuse(ctx context.Context, err error) {
	reason := snapshot.ReasonUnreadable
	if refusal, ok := errors.AsType[*snapshot.RefusedError](err); ok {
		reason = refusal.Reason
	}
	s.refused.WithLabelValues(string(reason)).Inc()
	s.logger.ErrorContext(ctx, "snapshot is not used", slog.String("reason", string(reason)), slog.Any("error", err))
}

// close gives up what the process has held to its end.
func (s *replicaSnapshot) close() error {
	var err error
	if s.state != nil {
		err = s.state.Close()
	}
	if s.late != nil {
		err = errors.Join(err, s.late.Close())
	}
	if s.folder != nil {
		err = errors.Join(err, s.folder.Close())
	}
	return err
}

// resume fills the parts from the snapshot, or from nothing at all.
func (s *replicaSnapshot) resume(ctx context.Context, p *dataPlane) {
	if s == nil || s.state == nil {
		return
	}
	err := errors.Join(p.refused.Resume(s.state.Rules, s.state.ReadAt), p.routes.Resume(s.state.Policies, s.state.ReadAt))
	if err == nil {
		err = p.keys.Resume(s.state.Position.Revision, s.state.ReadAt, s.state.Keys)
	}
	if err != nil {
		s.refuse(ctx, err)
		s.state = nil
		return
	}
	if s.state.Replicas > 0 {
		p.counts.SetShare(s.state.Rank, s.state.Replicas)
	}
	p.resumed = s.state.NewResumed(s.logger, func() { s.refused.WithLabelValues(string(snapshot.ReasonFuture)).Inc() })
	s.logger.WarnContext(ctx, "serving from a snapshot: the database cannot be reached", slog.Int("keys", p.keys.Stats().Size),
		slog.Time("snapshot_of", p.resumed.ReadAt()), slog.Time("until", p.resumed.Until()),
		slog.Int64("revision", int64(s.state.Position.Revision)), slog.String("written_by", s.state.Replica))
}

// follow has the follower go on from the snapshot, and keep a new one.
func (s *replicaSnapshot) follow(p *dataPlane, o *feed.Options) error {
	if s == nil || s.folder == nil {
		return nil
	}
	if p.resumed != nil {
		o.Subscribers = append(o.Subscribers, p.resumed)
	}
	var err error
	p.keeper, err = s.folder.Keep(snapshot.KeeperOptions{
		Every: s.every, Logger: s.logger,
		Sources: snapshot.Sources{
			Keys: p.keys, Blacklist: p.refused, Routes: p.routes, Share: p.counts.Share, Replica: p.id, Warmed: p.keys.Warmed(),
			Applied: func() store.Position { return p.follower.Applied() },
		},
	})
	if err != nil {
		return err
	}
	o.Subscribers, o.Keeper = append(o.Subscribers, p.keeper), p.keeper
	if p.resumed != nil {
		later := append([]feed.Subscriber{p.replicas, p.keeper}, p.source.first...)
		o.Resumed = &feed.Resumed{Position: s.state.Position, LastRead: p.resumed.ReadAt(), Later: later}
	}
	return nil
}

// connect reaches for the database until it has it. The process serves what it
// can meanwhile, whatever the database says.
func (d *deployment) connect(ctx context.Context) error {
	const shortest, longest = 500 * time.Millisecond, 5 * time.Second
	said := ""
	for pause := shortest; ctx.Err() == nil; pause = min(2*pause, longest) {
		backend, err := d.reach(ctx)
		if err == nil {
			d.snapshot.late = backend
			d.data.Connect(backend)
			d.logger.InfoContext(ctx, "database reached")
			return nil
		}
		if ctx.Err() == nil && err.Error() != said {
			said = err.Error()
			d.logger.WarnContext(ctx, "database cannot be reached, trying again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + mathrand.N(pause/2)): //nolint:gosec // spreads load; nobody gains by guessing it
		}
	}
	return nil
}

// reach opens the database and sees that it belongs to our secrets.
func (d *deployment) reach(ctx context.Context) (store.Backend, error) {
	backend, err := openStore(ctx, d.config, d.logger)
	if err != nil {
		return nil, err
	}
	err = claim(ctx, backend, store.SecretsFileSecrets, d.secrets.Fingerprint(), d.config.SecretsFile)
	if err == nil {
		err = checkKeySecrets(ctx, backend, d.secrets, d.config.SecretsFile)
	}
	if err != nil {
		return nil, errors.Join(err, backend.Close())
	}
	return backend, nil
}

// part is what the status port says of the snapshot. Without one the process
// is as ready as with it.
func (s *replicaSnapshot) part(p *dataPlane) []extauthz.Part {
	if s == nil {
		return nil
	}
	return []extauthz.Part{{Name: "snapshot", Check: func() error { return nil }, Note: func() string {
		if p.resumed != nil && p.resumed.Active() {
			return p.resumed.Note()
		}
		if s.problem != nil {
			return "none is kept: " + s.problem.Error()
		}
		if p.keeper == nil {
			return ""
		}
		if problem := p.keeper.Stats().Problem; problem != "" {
			return "cannot be written: " + problem
		}
		return ""
	}}}
}

// count registers what is known of the snapshot.
func (s *replicaSnapshot) count(registry *prometheus.Registry, p *dataPlane) {
	if s == nil {
		return
	}
	gauge := func(name, help string, value func() float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	registry.MustRegister(s.refused)
	gauge("credence_snapshot_serving", "1 while the process serves from a snapshot: it has not read the database since its start.", func() float64 {
		if p.resumed != nil && p.resumed.Active() {
			return 1
		}
		return 0
	})
	gauge("credence_snapshot_serving_until_seconds", "Unix time at which that ends; 0 when the process does not serve from one.", func() float64 {
		if p.resumed != nil && p.resumed.Active() {
			return float64(p.resumed.Until().Unix())
		}
		return 0
	})
	if p.keeper == nil {
		return
	}
	stats := p.keeper.Stats
	for name, of := range map[string]struct {
		help  string
		value func() float64
	}{
		"credence_snapshot_written_total":  {"Snapshots written.", func() float64 { return float64(stats().Written) }},
		"credence_snapshot_failures_total": {"Snapshots, and changes of them, that could not be written.", func() float64 { return float64(stats().Failures) }},
	} {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: of.help}, of.value))
	}
	gauge("credence_snapshot_bytes", "Size of the snapshot on disk; 0 without one.", func() float64 { return float64(stats().Bytes) })
	gauge("credence_snapshot_keys", "Keys in the snapshot that was written last.", func() float64 { return float64(stats().Keys) })
	gauge("credence_snapshot_age_seconds", "Time since the instant in the snapshot on disk, from which its ceiling is counted; -1 without one.", func() float64 {
		at := stats().ReadAt
		if at.IsZero() {
			return -1
		}
		return time.Since(at).Seconds()
	})
}
