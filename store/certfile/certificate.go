package certfile

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultPoll is how often the files are read when [Options] do not say.
const DefaultPoll = 10 * time.Second

// Options say where the certificate of a listener is. Listener, CertFile,
// KeyFile, Protocols, Now, Logger and Registerer are required.
type Options struct {
	Listener string // in metrics, logs and errors: "check", "api"
	CertFile string // PEM: the certificate first, then the authorities in between
	KeyFile  string // PEM: its private key; mode 0640 or narrower

	// ClientCAFile holds, as PEM, the authorities of the clients. With it only
	// clients with a certificate of one of them are answered (mTLS).
	ClientCAFile string
	// ClientNames narrows the clients to those whose certificate bears one of
	// these as DNS name or URI (a SPIFFE ID); empty accepts all that ClientCAFile
	// vouches for.
	ClientNames []string

	Protocols []string      // for ALPN, preferred first: "h2", "http/1.1"
	Poll      time.Duration // between two readings of the files; 0 means DefaultPoll

	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o *Options) validate() error {
	switch {
	case o.Listener == "":
		return errors.New("option Listener: missing: name the listener, such as check")
	case o.CertFile == "" || o.KeyFile == "":
		return errors.New("a certificate and its private key belong together: name the files of both")
	case len(o.ClientNames) > 0 && o.ClientCAFile == "":
		return errors.New("names of clients are given, but no file with the authorities that vouch for them: name it, or leave the names out")
	case len(o.Protocols) == 0:
		return errors.New("option Protocols: missing: pass h2 or http/1.1")
	case o.Poll < 0:
		return fmt.Errorf("option Poll: %s: must not be negative", o.Poll)
	case o.Now == nil:
		return errors.New("option Now: missing: pass time.Now")
	case o.Logger == nil:
		return errors.New("option Logger: missing: pass a *slog.Logger")
	case o.Registerer == nil:
		return errors.New("option Registerer: missing: pass a prometheus registry")
	}
	if slices.Contains(o.ClientNames, "") {
		return errors.New("names of clients: one is empty: leave it out")
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	return nil
}

// Certificate is what a listener shows its clients, and whom it wants to see.
// It is safe for concurrent use.
type Certificate struct {
	options Options
	current atomic.Pointer[loaded]
	metrics *metrics

	mu      sync.Mutex // of a reload
	refused string     // the failure that was logged last; "" after a success
	warned  age        // what was logged last about the end of the current one
}

// loaded is one state of the files that passed all checks.
type loaded struct {
	config  *tls.Config
	begins  time.Time // of the certificate
	ends    time.Time // of the first in the chain to end
	content [sha256.Size]byte
}

// Open reads the files and checks them. The error names the file, its problem
// and the remedy.
func Open(o Options) (*Certificate, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("TLS of %s: %w", o.Listener, err)
	}
	c := &Certificate{options: o}
	first, err := c.load()
	if err != nil {
		return nil, fmt.Errorf("TLS of %s: %w", o.Listener, err)
	}
	c.current.Store(first)
	if c.metrics, err = newMetrics(o.Registerer, o.Listener, func() time.Duration {
		return c.Ends().Sub(o.Now())
	}); err != nil {
		return nil, fmt.Errorf("TLS of %s: %w", o.Listener, err)
	}
	return c, nil
}

// Ends is when the certificate that is shown now, or one in its chain, ends.
func (c *Certificate) Ends() time.Time { return c.current.Load().ends }

// Config is for the listener. It stays right when the files change.
func (c *Certificate) Config() *tls.Config {
	config := c.current.Load().config.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return c.current.Load().config, nil
	}
	return config
}

// Run reloads until ctx ends, and then answers nil. What goes wrong meanwhile
// is logged and counted.
func (c *Certificate) Run(ctx context.Context) error {
	tick := time.NewTicker(c.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			_, _ = c.Reload(ctx) // logged and counted there
		}
	}
}

// Reload is one turn of [Certificate.Run]: it reads the files and takes over
// what is new and passes all checks. It reports whether something changed.
func (c *Certificate) Reload(ctx context.Context) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.warnOfTheEnd(ctx)
	next, err := c.load()
	if err != nil {
		c.metrics.failures.Inc()
		if c.refused != err.Error() {
			c.refused = err.Error()
			c.options.Logger.LogAttrs(ctx, slog.LevelError, "tls files refused, going on with the old ones",
				slog.String("listener", c.options.Listener), slog.Any("error", err))
		}
		return false, fmt.Errorf("TLS of %s: %w", c.options.Listener, err)
	}
	c.refused = ""
	if next.content == c.current.Load().content {
		return false, nil
	}
	c.current.Store(next)
	c.metrics.reloads.Inc()
	c.warned = young
	c.options.Logger.LogAttrs(ctx, slog.LevelInfo, "tls files reloaded",
		slog.String("listener", c.options.Listener), slog.Time("ends_at", next.ends))
	return true, nil
}

// age is how near the end of a certificate is.
type age int

const (
	young age = iota
	old       // a tenth of its life is left
	over
)

// warnOfTheEnd logs once when the end is near, and once when it is there: the
// certificate in use is the operator's to renew.
func (c *Certificate) warnOfTheEnd(ctx context.Context) {
	current, now := c.current.Load(), c.options.Now()
	state := young
	switch left := current.ends.Sub(now); {
	case left <= 0:
		state = over
	case left <= current.ends.Sub(current.begins)/10:
		state = old
	}
	if state <= c.warned {
		return
	}
	c.warned = state
	attrs := []slog.Attr{
		slog.String("listener", c.options.Listener), slog.String("file", c.options.CertFile),
		slog.Time("ends_at", current.ends),
	}
	if state == over {
		c.options.Logger.LogAttrs(ctx, slog.LevelError, "tls certificate has ended, clients refuse it", attrs...)
		return
	}
	c.options.Logger.LogAttrs(ctx, slog.LevelWarn, "tls certificate ends soon", attrs...)
}
