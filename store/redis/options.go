package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// What Options that are zero stand for.
const (
	defaultDialTimeout = 250 * time.Millisecond
	defaultBudget      = 25 * time.Millisecond
	defaultPoolSize    = 32
	maxPoolSize        = 1024
)

// Options say which Redis, and how little of a caller's time it may take.
// Zero durations and sizes take the defaults named beside them.
type Options struct {
	// Addresses are HOST:PORT of the server; of several nodes of the cluster
	// (Cluster); of the Sentinels (MasterName).
	Addresses  []string
	Cluster    bool   // the addresses are nodes of a Redis Cluster
	MasterName string // the addresses are Sentinels that know this master

	Username         string // ACL user; "" for the default user
	Password         string
	SentinelUsername string
	SentinelPassword string
	Database         int         // of a single server or a master; a Cluster has only 0
	TLS              *tls.Config // nil: plaintext

	// Deployment keeps apart deployments that share a Redis: 1 to 64 letters
	// and digits, in the name of every key and channel.
	Deployment string

	DialTimeout time.Duration // to make a connection; 250 ms
	Budget      time.Duration // of one call, everything included; 25 ms
	PoolSize    int           // connections to each server at most; 32

	// Down reports true while the client is to behave as if Redis were gone;
	// nil for never.
	Down func() bool

	Now    func() time.Time
	Logger *slog.Logger
}

// Validate reports the first option that makes no sense, by its name.
func (o *Options) Validate() error {
	switch {
	case len(o.Addresses) == 0:
		return errors.New("redis options: Addresses: empty: name at least one HOST:PORT")
	case o.Cluster && o.MasterName != "":
		return errors.New("redis options: MasterName: Sentinel and Cluster exclude each other: give one of the two")
	case o.Cluster && o.Database != 0:
		return errors.New("redis options: Database: a Redis Cluster has only database 0")
	case !o.Cluster && o.MasterName == "" && len(o.Addresses) > 1:
		return errors.New("redis options: Addresses: several need Cluster or a MasterName")
	case o.Database < 0:
		return fmt.Errorf("redis options: Database: %d is negative", o.Database)
	case !isDeployment(o.Deployment):
		return errors.New("redis options: Deployment: want 1 to 64 letters and digits")
	case o.Now == nil:
		return errors.New("redis options: Now: missing: give a clock")
	case o.Logger == nil:
		return errors.New("redis options: Logger: missing: give a logger")
	case o.PoolSize < 0 || o.PoolSize > maxPoolSize:
		return fmt.Errorf("redis options: PoolSize: %d: want 1 to %d, or 0 for %d", o.PoolSize, maxPoolSize, defaultPoolSize)
	case o.DialTimeout < 0:
		return fmt.Errorf("redis options: DialTimeout: %s is negative: give a time, or 0 for %s", o.DialTimeout, defaultDialTimeout)
	case o.Budget < 0:
		return fmt.Errorf("redis options: Budget: %s is negative: give a time, or 0 for %s", o.Budget, defaultBudget)
	}
	for i, a := range o.Addresses {
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			return fmt.Errorf("redis options: Addresses: number %d, %q, is not HOST:PORT", i, a)
		}
	}
	return nil
}

// isDeployment reports whether the text can stand in the name of a key.
func isDeployment(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// withDefaults fills in what was left zero.
func (o *Options) withDefaults() Options {
	full := *o
	if full.DialTimeout == 0 {
		full.DialTimeout = defaultDialTimeout
	}
	if full.Budget == 0 {
		full.Budget = defaultBudget
	}
	if full.PoolSize == 0 {
		full.PoolSize = defaultPoolSize
	}
	if full.Down == nil {
		full.Down = func() bool { return false }
	}
	return full
}
