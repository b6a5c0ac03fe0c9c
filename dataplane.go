package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/extauthz/fleet"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/extauthz/routes"
	"credence/extauthz/snapshot"
	"credence/extauthz/usage"
	"credence/store"
)

// dataPlane are the parts that answer Checks, from the store outward.
type dataPlane struct {
	id       string // of the replica
	answers  extauthz.AnswerOptions
	source   shared
	keys     *cache.Cache
	refused  *blacklist.Blacklist
	routes   *routes.Policies
	counts   *limiter.Limiter
	usage    *usage.Counter // nil when nothing is counted
	replicas *fleet.Watcher
	keeper   *snapshot.Keeper  // nil when no snapshot is kept
	resumed  *snapshot.Resumed // nil when none was started from
	follower *feed.Follower
	server   *extauthz.Server
}

// startDataPlane builds the parts and sets them going.
func (d *deployment) startDataPlane(w *work, l *listeners) ([]extauthz.Part, error) {
	p := &dataPlane{}
	for _, build := range []func() error{
		func() error { return d.buildState(w, p) },
		func() error { d.snapshot.resume(w.ctx, p); return d.buildFollower(l, p) },
		func() error { return d.buildServer(w, l, p) },
	} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	overHTTP, err := d.newForward(w.ctx, l, p)
	if err != nil {
		return nil, err
	}
	d.snapshot.count(d.registry, p)
	if !d.data.Connected() {
		w.back.Go(func() error { return d.connect(w.lasting) })
	}
	d.logger.InfoContext(w.ctx, "client address", slog.String("taken_from", d.config.ClientSource))
	w.back.Go(func() error { return p.follower.Run(w.lasting) })
	w.back.Go(func() error { return p.keys.Run(w.lasting) })
	w.back.Go(func() error { return p.replicas.Run(w.lasting) })
	if p.keeper != nil {
		w.back.Go(func() error { return p.keeper.Run(w.lasting) })
	}
	if p.usage != nil {
		w.back.Go(func() error { return p.usage.Run(w.lasting) })
	}
	w.front.Go(func() error {
		err := d.serveChecks(w.ctx, l, p.server, overHTTP)
		closing, cancel := context.WithTimeout(w.lasting, 5*time.Second)
		defer cancel()
		err = errors.Join(err, p.counts.Close(closing))
		d.closeUsage(w.lasting, p.usage)
		return err
	})
	parts, err := d.rehearse(w)
	if err != nil {
		return nil, err
	}
	return append(append(parts, d.snapshot.part(p)...), p.server.Ready()), nil
}

// buildState makes what a decision rests on: keys, blacklist, route policies,
// limits.
func (d *deployment) buildState(w *work, p *dataPlane) (err error) {
	if p.id, err = store.NewID(store.ReplicaIDPrefix, time.Now(), rand.Reader); err != nil {
		return err
	}
	if p.answers, err = answerOptions(d.config); err != nil {
		return err
	}
	encode, err := extauthz.Encoder(p.answers)
	if err != nil {
		return err
	}
	if p.source, err = d.shareThroughRedis(w); err != nil {
		return err
	}
	if p.keys, err = cache.New(cache.Options{
		Encode: encode, Store: p.source.keys, Secrets: d.secrets, Now: time.Now, Size: d.config.CacheSize,
		TTL: d.config.CacheTTL, NegativeTTL: d.config.NegativeTTL, Ceiling: d.config.Ceiling,
		Warm: d.data, Report: func(ctx context.Context, err error) {
			d.logger.WarnContext(ctx, "key cache", slog.Any("error", err))
		},
	}); err != nil {
		return err
	}
	if p.refused, err = blacklist.New(blacklist.Options{Store: d.data}); err != nil {
		return err
	}
	if p.routes, err = routes.New(routes.Options{Store: d.data, Ceiling: d.config.Ceiling}); err != nil {
		return err
	}
	if p.counts, err = d.newLimiter(p.id); err != nil {
		return err
	}
	if p.usage, err = d.newUsage(p.id); err != nil {
		return err
	}
	p.replicas, err = fleet.New(fleet.Options{
		Registry: d.data, ID: p.id, Sharers: []fleet.Sharer{p.counts}, Now: time.Now, Logger: d.logger,
	})
	return err
}

// buildFollower makes what keeps the state in step with the store.
func (d *deployment) buildFollower(l *listeners, p *dataPlane) error {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	o := feed.Options{
		Feed: p.source.feed, Registry: d.data,
		Subscribers: append(slices.Clone(p.source.first), p.keys, p.refused, p.routes, p.replicas),
		Now:         time.Now, Logger: d.logger, Poll: d.config.FeedPoll,
		Replica: store.Replica{
			ID: p.id, Name: name, Address: listenAddress(l.check), Version: version(), StartedAt: time.Now(), Ceiling: d.config.Ceiling,
		},
	}
	if err := d.snapshot.follow(p, &o); err != nil {
		return err
	}
	p.follower, err = feed.New(o)
	return err
}

// buildServer makes what decides and answers.
func (d *deployment) buildServer(w *work, l *listeners, p *dataPlane) error {
	options, err := pipelineOptions(d.config)
	if err != nil {
		return err
	}
	options.Secrets, options.Keys, options.Blacklist, options.Limiter = d.secrets, p.keys, p.refused, p.counts
	options.Routes = p.routes
	decisions, err := pipeline.New(options)
	if err != nil {
		return usageError{err}
	}
	record := extauthz.RecordOptions{}
	if d.config.LogChecks {
		record.Every = 1
	}
	age := d.config.MaxConnectionAge
	if age == 0 {
		age = -1 // never
	}
	d.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "credence_replicas_live", Help: "Replicas among which limits are shared, this one included.",
	}, func() float64 { return float64(p.replicas.Live()) }))
	o := extauthz.Options{
		Pipeline: decisions, Logger: d.logger, Now: time.Now, Registerer: d.registry,
		Ready:  w.all(p.follower.Ready(), p.keys.Warmed()),
		Answer: p.answers, Record: record,
		Transport: extauthz.TransportOptions{
			Kind: transportKind(d.config), TLS: serverTLS(l.transport.check), MaxConnectionAge: age,
			Connections: d.config.CheckConns.Most, ConnectionsOfOne: d.config.CheckConns.OfOne, Streams: uint32(d.config.CheckMostCalls),
		},
		CallSecrets: l.transport.callSecrets,
		Drain:       extauthz.DrainOptions{Delay: d.config.DrainDelay, Timeout: d.config.ShutdownGrace},
		Sources:     dataPlaneSources(p.keys, p.refused, p.routes, p.counts, p.follower, d.config.Ceiling),
	}
	if p.usage != nil {
		o.Usage = p.usage
	}
	if d.trace != nil {
		o.Trace = d.trace
	}
	p.server, err = extauthz.New(o)
	return err
}

func transportKind(c config) extauthz.TransportKind {
	if c.CheckTransport == transportGRPC {
		return extauthz.TransportGRPC
	}
	return extauthz.TransportNative
}

// all is closed when each of the channels is, unless the process ends before.
func (w *work) all(of ...<-chan struct{}) <-chan struct{} {
	done := make(chan struct{})
	w.back.Go(func() error {
		for _, one := range of {
			select {
			case <-w.lasting.Done():
				return nil
			case <-one:
			}
		}
		close(done)
		return nil
	})
	return done
}
