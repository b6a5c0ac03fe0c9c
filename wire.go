package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"credence/extauthz"
	"credence/extauthz/blacklist"
	"credence/extauthz/cache"
	"credence/extauthz/feed"
	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/management"
	"credence/management/api"
	"credence/management/jobs"
	"credence/store"
	"credence/store/credential"
	"credence/store/sqlite"
)

// deployment is what both planes are built on.
type deployment struct {
	config   config
	store    *store.Store
	secrets  *credential.Secrets
	logger   *slog.Logger
	registry *prometheus.Registry
}

// serve runs both planes until ctx ends: listeners > data folder > schema >
// store > secrets > first token > planes. The ports come first, so that a start
// that cannot succeed leaves no folder behind; nobody is answered on them
// before the planes run.
func serve(ctx context.Context, c config, logs io.Writer) error {
	if err := checkListeners(c); err != nil {
		return err
	}
	path, err := sqlitePath(c.Store)
	if err != nil {
		return err
	}
	l, err := listen(ctx, c)
	if err != nil {
		return err
	}
	defer l.close()
	logger := newLogger(c, logs)
	if err := makeDataDir(c.DataDir); err != nil {
		return err
	}
	backend, err := openStore(ctx, path, logger)
	if err != nil {
		return err
	}
	secrets, keyset, err := openSecrets(ctx, c.DataDir, backend)
	if err != nil {
		return errors.Join(err, backend.Close())
	}
	d := &deployment{
		config: c, store: store.New(backend, keyset, time.Now), secrets: secrets,
		logger: logger, registry: prometheus.NewRegistry(),
	}
	d.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return errors.Join(d.run(ctx, l), backend.Close())
}

// migrate brings the database to this version and says what it did.
func migrate(ctx context.Context, c config, out, logs io.Writer) error {
	path, err := sqlitePath(c.Store)
	if err != nil {
		return err
	}
	if err := makeDataDir(filepath.Dir(path)); err != nil {
		return err
	}
	from, to, err := sqlite.Migrate(ctx, storeOptions(path, newLogger(c, logs)))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", path, err)
	}
	if from == to {
		fmt.Fprintf(out, "%s is at schema version %d already\n", path, to)
		return nil
	}
	fmt.Fprintf(out, "%s went from schema version %d to %d\n", path, from, to)
	return nil
}

// run starts both planes on the listeners and waits until one of them fails
// or ctx ends.
func (d *deployment) run(ctx context.Context, l *listeners) error {
	service, err := management.New(management.Options{
		Store: d.store, Secrets: d.secrets, Random: rand.Reader, Now: time.Now, Logger: d.logger,
	})
	if err != nil {
		return err
	}
	if err := firstToken(ctx, service, d.config.DataDir, d.logger); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	if err := d.start(ctx, group, service, l); err != nil {
		stop()
		return errors.Join(err, group.Wait())
	}
	err = group.Wait()
	return errors.Join(err, os.Remove(filepath.Join(d.config.DataDir, addressesFile)))
}

// start starts both planes and says where they listen. After an error, what
// was started ends with ctx.
func (d *deployment) start(ctx context.Context, group *errgroup.Group, service *management.Service, l *listeners) error {
	ready, err := d.startDataPlane(ctx, group, l)
	if err != nil {
		return err
	}
	if err := d.startControlPlane(ctx, group, service, l, ready); err != nil {
		return err
	}
	return l.announce(ctx, d.config.DataDir, d.logger)
}

// startDataPlane builds what answers Checks, from the store outward. The
// follower and the status port outlive the server: Checks that are still
// running see revocations to the end, and somebody sees them drain.
func (d *deployment) startDataPlane(ctx context.Context, group *errgroup.Group, l *listeners) (extauthz.Part, error) {
	keys, err := cache.New(cache.Options{
		Store: d.store, Secrets: d.secrets, Now: time.Now, Size: d.config.CacheSize,
		TTL: d.config.CacheTTL, NegativeTTL: d.config.NegativeTTL, Ceiling: d.config.Ceiling,
	})
	if err != nil {
		return extauthz.Part{}, err
	}
	refused, err := blacklist.New(blacklist.Options{Store: d.store})
	if err != nil {
		return extauthz.Part{}, err
	}
	counts, err := limiter.New(limiter.Options{Store: d.store, Now: time.Now, Logger: d.logger})
	if err != nil {
		return extauthz.Part{}, err
	}
	follower, err := d.newFollower(l, keys, refused)
	if err != nil {
		return extauthz.Part{}, err
	}
	server, err := d.newCheckServer(keys, refused, counts, follower)
	if err != nil {
		return extauthz.Part{}, err
	}
	d.logger.InfoContext(ctx, "client address", slog.String("taken_from", d.config.ClientSource))
	after, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error { return follower.Run(after) })
	group.Go(func() error { return keys.Run(after) })
	group.Go(func() error {
		defer stop()
		err := server.Serve(ctx, l.check)
		closing, cancel := context.WithTimeout(after, 5*time.Second)
		defer cancel()
		return errors.Join(err, counts.Close(closing))
	})
	group.Go(func() error {
		return extauthz.ServeStatus(after, l.status, extauthz.StatusHandler(d.registry, server.Ready()))
	})
	return server.Ready(), nil
}

func (d *deployment) newFollower(l *listeners, subscribers ...feed.Subscriber) (*feed.Follower, error) {
	id, err := store.NewID(store.ReplicaIDPrefix, time.Now(), rand.Reader)
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return feed.New(feed.Options{
		Feed: d.store, Registry: d.store, Subscribers: subscribers, Now: time.Now, Logger: d.logger,
		Poll: d.config.FeedPoll,
		Replica: store.Replica{
			ID: id, Name: name, Address: l.check.Addr().String(), Version: version(), StartedAt: time.Now(),
		},
	})
}

func (d *deployment) newCheckServer(keys *cache.Cache, refused *blacklist.Blacklist, counts *limiter.Limiter, follower *feed.Follower) (*extauthz.Server, error) {
	options, err := pipelineOptions(d.config)
	if err != nil {
		return nil, err
	}
	options.Secrets, options.Keys, options.Blacklist, options.Limiter = d.secrets, keys, refused, counts
	decisions, err := pipeline.New(options)
	if err != nil {
		return nil, usageError{err}
	}
	answers, err := answerOptions(d.config)
	if err != nil {
		return nil, err
	}
	record := extauthz.RecordOptions{}
	if d.config.LogChecks {
		record.Every = 1
	}
	age := d.config.MaxConnectionAge
	if age == 0 {
		age = -1 // never
	}
	return extauthz.New(extauthz.Options{
		Pipeline: decisions, Logger: d.logger, Now: time.Now, Registerer: d.registry, Ready: follower.Ready(),
		Answer: answers, Record: record,
		Transport: extauthz.TransportOptions{MaxConnectionAge: age},
		Drain:     extauthz.DrainOptions{Timeout: d.config.ShutdownGrace},
		Sources:   dataPlaneSources(keys, refused, counts, follower),
	})
}

// startControlPlane starts the management API and the jobs.
func (d *deployment) startControlPlane(ctx context.Context, group *errgroup.Group, service *management.Service, l *listeners, ready extauthz.Part) error {
	handler, err := api.New(api.Options{
		Service: service, Authenticator: service, Hosts: d.config.APIHosts, Registerer: d.registry, Logger: d.logger,
		Now: time.Now, Random: rand.Reader, Version: version(),
		Ready: func(ctx context.Context) error {
			return errors.Join(ready.Check(), d.store.Ping(ctx))
		},
	})
	if err != nil {
		return err
	}
	keeping, err := jobs.NewHousekeeping(jobs.HousekeepingOptions{
		Store: d.store, Now: time.Now, Logger: d.logger, Changes: d.config.ChangesRetention,
	})
	if err != nil {
		return err
	}
	group.Go(func() error { return api.Serve(ctx, l.api, handler, d.config.ShutdownGrace, d.logger) })
	group.Go(func() error { return d.store.RunJobs(ctx, jobs.Handlers(service, d.store)) })
	group.Go(func() error { return keeping.Run(ctx) })
	return nil
}

// listeners are the open ports of the process.
type listeners struct {
	check, status, api net.Listener
}

func listen(ctx context.Context, c config) (*listeners, error) {
	l := &listeners{}
	for _, one := range []struct {
		setting string
		address string
		to      *net.Listener
	}{
		{"check-addr", c.CheckAddr, &l.check},
		{"status-addr", c.StatusAddr, &l.status},
		{"api-addr", c.APIAddr, &l.api},
	} {
		var err error
		if *one.to, err = extauthz.Listen(ctx, one.address); err != nil {
			l.close()
			return nil, fmt.Errorf("%s: %w", one.setting, err)
		}
	}
	return l, nil
}

// close closes what is open; the servers have closed theirs before.
func (l *listeners) close() {
	for _, one := range []net.Listener{l.check, l.status, l.api} {
		if one != nil {
			_ = one.Close() // closed already, or nothing to be done about it
		}
	}
}

// openStore migrates and opens the database.
func openStore(ctx context.Context, path string, logger *slog.Logger) (*sqlite.DB, error) {
	options := storeOptions(path, logger)
	if _, _, err := sqlite.Migrate(ctx, options); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, options)
}

func storeOptions(path string, logger *slog.Logger) sqlite.Options {
	return sqlite.Options{Path: path, Now: time.Now, Random: rand.Reader, Logger: logger}
}

func sqlitePath(address string) (string, error) {
	path, ok := strings.CutPrefix(address, "sqlite:")
	if !ok || path == "" {
		return "", usageError{fmt.Errorf("store: %q is not an address such as sqlite:credence-data/credence.db", maskURL(address))}
	}
	return path, nil
}
