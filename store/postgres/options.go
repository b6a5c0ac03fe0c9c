package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What Options that are zero stand for.
const (
	defaultMaxConns         = 10
	defaultConnectTimeout   = 5 * time.Second
	defaultStatementTimeout = 5 * time.Second
	defaultLockTimeout      = 10 * time.Second
)

// keepAlive is how often the operating system asks whether the server is
// still there; a connection that a firewall forgot is found out by it.
const keepAlive = 15 * time.Second

// Options says which database, and gives the clock and random source.
type Options struct {
	URL        string // postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full
	SessionURL string // the same database without a pooler in transaction mode; "": see the package comment

	Now    func() time.Time // clock
	Random io.Reader        // for the ids of changes
	Logger *slog.Logger

	MaxConns         int           // of the pool; 0: what the URL says (pool_max_conns), or 10
	ConnectTimeout   time.Duration // to make a connection; 0: 5 s
	StatementTimeout time.Duration // of one statement; 0: 5 s
	LockTimeout      time.Duration // to wait for other writers; 0: 10 s
}

func (o *Options) validate() error {
	switch {
	case o.URL == "":
		return errors.New("postgres: URL is empty: name the database as postgres://USER@HOST:PORT/DATABASE")
	case o.Now == nil:
		return errors.New("postgres: Now is nil: give a clock")
	case o.Random == nil:
		return errors.New("postgres: Random is nil: give a random source")
	case o.Logger == nil:
		return errors.New("postgres: Logger is nil: give a logger")
	case o.MaxConns < 0 || o.MaxConns > 10_000:
		return fmt.Errorf("postgres: MaxConns is %d: want 1 to 10000, or 0 for %d", o.MaxConns, defaultMaxConns)
	}
	for _, d := range []struct {
		name    string
		value   *time.Duration
		instead time.Duration
	}{
		{"ConnectTimeout", &o.ConnectTimeout, defaultConnectTimeout},
		{"StatementTimeout", &o.StatementTimeout, defaultStatementTimeout},
		{"LockTimeout", &o.LockTimeout, defaultLockTimeout},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.instead
		case *d.value < time.Millisecond:
			return fmt.Errorf("postgres: %s is %s: want at least 1ms, or 0 for %s", d.name, *d.value, d.instead)
		}
	}
	return nil
}

// poolConfig is the configuration of the pool of connections to URL.
func (o *Options) poolConfig() (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err := checkAddress("URL", o.URL, err); err != nil {
		return nil, err
	}
	if o.MaxConns > 0 {
		config.MaxConns = int32(o.MaxConns)
	} else if !strings.Contains(o.URL, "pool_max_conns=") {
		config.MaxConns = defaultMaxConns
	}
	// A connection does not live for ever: after a failover the old ones go,
	// and a pooler or balancer gets to spread the load anew.
	config.MaxConnLifetime, config.MaxConnLifetimeJitter = 30*time.Minute, 5*time.Minute
	config.MaxConnIdleTime = 5 * time.Minute
	o.prepare(config.ConnConfig)
	return config, nil
}

// sessionConfig is the configuration of a connection that needs its session:
// the one that listens, and those that migrate.
func (o *Options) sessionConfig() (*pgx.ConnConfig, error) {
	name, address := "URL", o.URL
	if o.SessionURL != "" {
		name, address = "SessionURL", o.SessionURL
	}
	// The address may hold settings of the pool, which only its parser knows.
	config, err := pgxpool.ParseConfig(address)
	if err := checkAddress(name, address, err); err != nil {
		return nil, err
	}
	o.prepare(config.ConnConfig)
	return config.ConnConfig, nil
}

// prepare sets what all connections have in common.
func (o *Options) prepare(c *pgx.ConnConfig) {
	// The types of a statement's parameters are asked for once per connection
	// and remembered here; the statement itself has no name at the server, so
	// any of a pooler's connections can run it. FindKey alone does otherwise,
	// where it may.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.StatementCacheCapacity = 8
	c.DescriptionCacheCapacity = 512
	c.ConnectTimeout = o.ConnectTimeout
	c.DialFunc = (&net.Dialer{KeepAlive: keepAlive, Timeout: o.ConnectTimeout}).DialContext
	if c.ValidateConnect == nil { // the URL does not say target_session_attrs
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "credence"
	}
}

// checkAddress makes an error of what is wrong with an address, without the
// password that may be in it. The parsers' own errors can quote parts of one.
func checkAddress(name, address string, parseErr error) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.User == nil && strings.Contains(address, "@"): // 1/2@host looks like a port and a path
		return fmt.Errorf("postgres: %s is no URL (want postgres://USER:PASSWORD@HOST:PORT/DATABASE): "+
			"characters like / ? # @ %% in the password have to be percent-encoded", name)
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return fmt.Errorf("postgres: %s does not begin with postgres://", name)
	case parseErr == nil:
		return nil
	}
	cause := errors.Unwrap(parseErr) // without the address, which the outer error quotes
	repeated := func(secret string) bool { return strings.Contains(cause.Error(), secret) }
	if cause == nil || slices.ContainsFunc(secretsIn(u), repeated) {
		cause = errors.New("a setting is not one that PostgreSQL knows, or its file cannot be read")
	}
	return fmt.Errorf("postgres: %s (%s): %w", name, place(u), cause)
}

// secretsIn lists the passwords in an address, as they are and as written.
func secretsIn(u *url.URL) []string {
	all := []string{u.Query().Get("password"), u.Query().Get("sslpassword")}
	if u.User != nil {
		password, _ := u.User.Password()
		_, written, _ := strings.Cut(u.User.String(), ":")
		all = append(all, password, written)
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// place is an address as errors may show it.
func place(u *url.URL) string {
	user := ""
	if u.User != nil {
		user = u.User.Username() + "@"
	}
	host := u.Host
	if host == "" {
		host = u.Query().Get("host")
	}
	return user + host + u.Path
}

// placeOf is place of an address that was parsed before.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "database"
	}
	return place(u)
}

// warnPlaintext says once that passwords and digests travel readable.
func warnPlaintext(ctx context.Context, logger *slog.Logger, c *pgconn.PgConn) {
	switch conn := c.Conn().(type) {
	case *tls.Conn, *net.UnixConn:
		return
	default:
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok && a.IP.IsLoopback() {
			return
		}
	}
	logger.WarnContext(ctx, "connection to the database is not encrypted; add sslmode=verify-full to its address")
}
