package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"credence/extauthz"
	"credence/extauthz/line"
	"credence/management"
	"credence/management/anomaly"
	"credence/management/api"
	"credence/management/geoip"
	"credence/management/gitea"
	"credence/management/jobs"
	"credence/management/n8n"
	"credence/management/remote"
	"credence/store"
	"credence/store/certfile"
	"credence/store/credential"
	"credence/store/redis"
)

// deployment is what a process is built on.
type deployment struct {
	config   config
	backend  store.Backend // nil in a data plane that has started without one
	data     *line.Store   // what of it the data plane uses
	snapshot *replicaSnapshot
	redis    *redis.Client // nil without one
	noRedis  atomic.Bool   // an outage of it is rehearsed
	secrets  *credential.Secrets
	sealer   store.Sealer // nil in a process that changes nothing: the data plane
	logger   *slog.Logger
	registry *prometheus.Registry
	trace    *tracing      // nil without one
	places   *geoip.Places // nil without a database of them
}

// serve runs both planes until ctx ends: listeners > data folder > schema >
// store > secrets > first token > planes. The ports come first, so that a start
// that cannot succeed leaves no folder behind; nobody is answered on them
// before the planes run.
func serve(ctx context.Context, c config, logs io.Writer) error {
	if c.Store == "" {
		c.Store = "sqlite:" + filepath.Join(c.DataDir, "credence.db")
	}
	return withListeners(ctx, c, logs, inServe, func(l *listeners, logger *slog.Logger) error {
		if _, _, err := migrateStore(ctx, c, logger); err != nil {
			return err
		}
		return withStore(ctx, c, logger, func(backend store.Backend) error {
			secrets, keyset, err := openSecrets(ctx, c.DataDir, backend)
			if err != nil {
				return err
			}
			d := newDeployment(c, backend, secrets, logger, l.registry)
			d.sealer = keyset
			service, err := d.newService(ctx)
			if err != nil {
				return err
			}
			if err := firstToken(ctx, service, filepath.Join(c.DataDir, tokenFile), logger); err != nil {
				return err
			}
			return d.run(ctx, l, service)
		})
	})
}

// serveExtauthz runs the data plane alone. It holds no keyset and needs no
// more rights in the database than the role credence_data has.
func serveExtauthz(ctx context.Context, c config, logs io.Writer) error {
	return withListeners(ctx, c, logs, inExtauthz, func(l *listeners, logger *slog.Logger) error {
		opened := false
		err := withStore(ctx, c, logger, func(backend store.Backend) error {
			opened = true
			secrets, err := loadSecrets(ctx, c.SecretsFile, backend)
			if err != nil {
				return err
			}
			return newDeployment(c, backend, secrets, logger, l.registry).runKeeping(ctx, l)
		})
		if opened || !outOfReach(c, err) {
			return err
		}
		return withoutStore(ctx, c, logger, l, err)
	})
}

// serveManagement runs the control plane alone.
func serveManagement(ctx context.Context, c config, logs io.Writer) error {
	return withListeners(ctx, c, logs, inManagement, func(l *listeners, logger *slog.Logger) error {
		return withStore(ctx, c, logger, func(backend store.Backend) error {
			d, err := openControl(ctx, c, backend, logger, l.registry)
			if err != nil {
				return err
			}
			service, err := d.newService(ctx)
			if err != nil {
				return err
			}
			return d.run(ctx, l, service)
		})
	})
}

// migrate brings the database to this version and says what it did. Without a
// store it is that of a serve: the one that is there, or a new one in the folder
// that somebody has named. A forgotten --store is to make nothing.
func migrate(ctx context.Context, c config, folderSaid bool, out, logs io.Writer) error {
	if c.Store == "" {
		file := filepath.Join(c.DataDir, "credence.db")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) && !folderSaid {
			return usageError{fmt.Errorf("store: missing: name the database with --store postgres://USER@HOST/DATABASE (or CREDENCE_STORE), "+
				"or the folder of a serve with --data-dir: %s does not exist", file)}
		}
		c.Store = "sqlite:" + file
	}
	from, to, err := migrateStore(ctx, c, newLogger(c, logs))
	if err != nil {
		return err
	}
	if from == to {
		fmt.Fprintf(out, "%s is at schema version %d already\n", maskURL(c.Store), to)
		return nil
	}
	fmt.Fprintf(out, "%s went from schema version %d to %d\n", maskURL(c.Store), from, to)
	return nil
}

// bootstrap makes the first admin token of a deployment of several processes.
func bootstrap(ctx context.Context, c config, b tokenBootstrap, out, logs io.Writer) error {
	logger := newLogger(c, logs)
	return withStore(ctx, c, logger, func(backend store.Backend) error {
		d, err := openControl(ctx, c, backend, logger, newRegistry())
		if err != nil {
			return err
		}
		service, err := d.newService(ctx)
		if err != nil {
			return err
		}
		return b.run(ctx, service, out)
	})
}

// recoverToken replaces the first admin token of a serve that does not run.
func recoverToken(ctx context.Context, c config, out, logs io.Writer) error {
	if c.Store == "" {
		c.Store = "sqlite:" + filepath.Join(c.DataDir, "credence.db")
	}
	c.SecretsFile, c.Keyset = filepath.Join(c.DataDir, secretsFile), filepath.Join(c.DataDir, keysetFile)
	logger := newLogger(c, logs)
	return withStore(ctx, c, logger, func(backend store.Backend) error {
		d, err := openControl(ctx, c, backend, logger, newRegistry())
		if err != nil {
			return err
		}
		service, err := d.newService(ctx)
		if err != nil {
			return err
		}
		return replaceFirstToken(ctx, service, filepath.Join(c.DataDir, tokenFile), out)
	})
}

// openControl checks what only the control plane holds: both files of secrets.
func openControl(ctx context.Context, c config, backend store.Backend, logger *slog.Logger, registry *prometheus.Registry) (*deployment, error) {
	secrets, err := loadSecrets(ctx, c.SecretsFile, backend)
	if err != nil {
		return nil, err
	}
	keyset, err := loadKeyset(ctx, c.Keyset, c.KeysetVariable, backend)
	if err != nil {
		return nil, err
	}
	d := newDeployment(c, backend, secrets, logger, registry)
	d.sealer = keyset
	return d, nil
}

// newRegistry is where everything of the process is counted.
func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

func newDeployment(c config, backend store.Backend, secrets *credential.Secrets, logger *slog.Logger, registry *prometheus.Registry) *deployment {
	return &deployment{config: c, backend: backend, data: line.New(backend), secrets: secrets, logger: logger, registry: registry}
}

func (d *deployment) newService(ctx context.Context) (*management.Service, error) {
	if err := d.openPlaces(); err != nil {
		return nil, err
	}
	reach, err := outgoingOptions(d.config.Outgoing)
	if err != nil {
		return nil, err
	}
	anchors, err := newAnchors(ctx, d.config)
	if err != nil {
		return nil, err
	}
	forge, err := gitea.New(remote.Options{Outgoing: reach, Now: time.Now, Version: version()})
	if err != nil {
		return nil, err
	}
	flows, err := n8n.New(remote.Options{Outgoing: reach, Now: time.Now, Version: version()}, management.N8NSessions(d.store()))
	if err != nil {
		return nil, err
	}
	o := management.Options{
		Store: d.store(), Secrets: d.secrets, Random: rand.Reader, Now: time.Now, Logger: d.logger,
		Retention: d.config.Retention, Anchors: anchors,
		ProtectedNetworks: d.config.ProtectedNetworks,
		ClientSourceKnown: d.config.ClientSourceSaid,
		AcceptForeignKeys: d.config.AcceptForeignKeys,
		Outgoing:          reach,
		Gitea:             forge,
		N8N:               flows,
	}
	if d.places != nil {
		o.Places = d.places
	}
	return management.New(o)
}

// store is the way to change things, which only the control plane has.
func (d *deployment) store() *store.Store { return store.New(d.backend, d.sealer, time.Now) }

// work is what runs in a process. What callers reach (front) ends with ctx;
// what it stands on (back) lasts until the front has finished: Checks that are
// still running see revocations to the end, and the status port tells that
// the process drains.
type work struct {
	front, back *errgroup.Group
	ctx         context.Context //nolint:containedctx // the lifetime of the groups, not of a call
	lasting     context.Context //nolint:containedctx // as above
}

// run starts the planes that have listeners and waits until one of them fails
// or ctx ends.
func (d *deployment) run(ctx context.Context, l *listeners, service *management.Service) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	w := &work{}
	w.front, w.ctx = errgroup.WithContext(ctx)
	w.back, w.lasting = errgroup.WithContext(lasting)
	defer context.AfterFunc(w.lasting, stop)() //nolint:contextcheck // a back that fails ends the front

	d.logger.InfoContext(ctx, "starting", slog.String("version", version()),
		slog.String("store", maskURL(d.config.Store)), slog.String("data_dir", d.config.DataDir))
	defer context.AfterFunc(ctx, func() {
		d.logger.InfoContext(lasting, "stopping", slog.Duration("grace", d.config.ShutdownGrace))
	})()

	var err error
	if d.trace, err = newTracing(lasting, d.config.Trace, d.logger); err != nil {
		return err
	}
	err = d.openRedis(ctx)
	if err == nil {
		err = d.start(w, l, service) //nolint:contextcheck // w carries both lifetimes
	}
	if err != nil {
		stop()
	}
	err = errors.Join(err, w.front.Wait())
	end()
	err = errors.Join(err, w.back.Wait(), d.closeRedis(), d.trace.close(ctx), l.retract(d.config.DataDir))
	d.logger.InfoContext(ctx, "stopped")
	return err
}

// start starts the planes and says where they listen.
func (d *deployment) start(w *work, l *listeners, service *management.Service) error {
	parts := d.redisPart()
	if l.check != nil {
		more, err := d.startDataPlane(w, l)
		if err != nil {
			return err
		}
		parts = append(parts, more...)
	}
	if l.api != nil {
		part, err := d.startControlPlane(w, l, service, parts)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	for _, c := range []*certfile.Certificate{l.transport.check, l.transport.forward, l.transport.api} {
		if c != nil {
			w.back.Go(func() error { return c.Run(w.lasting) })
		}
	}
	w.back.Go(func() error {
		return extauthz.ServeStatus(w.lasting, l.status, extauthz.StatusHandler(d.registry, parts...))
	})
	return l.announce(w.ctx, d.config.DataDir, d.logger)
}

// startControlPlane starts the management API and the jobs. parts are what
// else the process needs to be ready.
func (d *deployment) startControlPlane(w *work, l *listeners, service *management.Service, parts []extauthz.Part) (extauthz.Part, error) {
	authenticator, note, err := d.newAuthenticator(w, service)
	if err != nil {
		return extauthz.Part{}, err
	}
	denials := api.NewDenials(service, time.Now, d.logger)
	handler, err := api.New(api.Options{
		Denials: denials,
		Service: service, Authenticator: authenticator, Hosts: d.config.APIHosts, FailureLimit: d.config.APIFailureLimit, TrustedProxies: d.config.APITrustedProxies, Registerer: d.registry, Logger: d.logger,
		Now: time.Now, Random: rand.Reader, Version: version(),
		Ready: func(ctx context.Context) error {
			errs := []error{d.backend.Ping(ctx)}
			for _, p := range parts {
				errs = append(errs, p.Check())
			}
			return errors.Join(errs...)
		},
	})
	if err != nil {
		return extauthz.Part{}, err
	}
	changes := d.store()
	failures, err := jobs.NewFailures(d.registry)
	if err != nil {
		return extauthz.Part{}, err
	}
	holder, err := store.NewID("ctl_", time.Now(), rand.Reader)
	if err != nil {
		return extauthz.Part{}, err
	}
	leader, err := jobs.NewLeader(jobs.LeaderOptions{
		Leases: d.backend, Name: "housekeeping", Holder: holder, Logger: d.logger,
	})
	if err != nil {
		return extauthz.Part{}, err
	}
	passes, err := d.passes(service, changes, failures)
	if err != nil {
		return extauthz.Part{}, err
	}
	if err := d.takeUsage(w, holder); err != nil {
		return extauthz.Part{}, err
	}
	hooks, err := d.newWebhooks(service, changes, failures)
	if err != nil {
		return extauthz.Part{}, err
	}
	listener := l.api
	if config := serverTLS(l.transport.api); config != nil {
		listener = tls.NewListener(listener, config)
	}
	w.back.Go(func() error { return denials.Run(w.lasting) })
	w.front.Go(func() error {
		return api.Serve(w.ctx, listener, d.trace.api(handler), d.config.ShutdownGrace, d.logger)
	})
	w.front.Go(func() error { return hooks.runJobs(w.ctx, changes, failures, jobs.Handlers(service, changes)) })
	look := anomaly.Options{Store: changes, Findings: service, Now: time.Now, Logger: d.logger}
	if d.places != nil {
		look.Places = d.places
		w.back.Go(func() error { return d.places.Run(w.lasting) })
	}
	watch, err := anomaly.New(look)
	if err != nil {
		return extauthz.Part{}, err
	}
	passes = append(passes, jobs.Pass{Name: "anomalies", Every: anomaly.Every, Do: watch.Pass}.Work(d.logger, failures))
	w.front.Go(func() error { return leader.Run(w.ctx, append(hooks.passes, passes...)...) })
	d.pushChanges(w)
	return extauthz.Part{Name: "management_api", Check: func() error { return w.ctx.Err() }, Note: note}, nil
}
