package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"credence/store"
	"credence/store/sketch"
)

// usageRows is how many rows of usage one statement adds. What a statement
// costs by itself is several times what a row costs.
const usageRows = 50

// registerFunctions adds to the driver what SQLite lacks.
func registerFunctions() error { return functionsOnce() }

var functionsOnce = sync.OnceValue(func() error { //nolint:gochecknoglobals // the driver's functions are the process's
	return errors.Join(sqlite.RegisterDeterministicScalarFunction("credence_merge", 2,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) { return mergeSketches(args) }),
		sqlite.RegisterFunction("credence_crowd", &sqlite.FunctionImpl{NArgs: 1, Deterministic: true, MakeAggregate: newCrowd}))
})

// mergeSketches is the OR of two sketches: SQLite has none for blobs.
func mergeSketches(args []driver.Value) (driver.Value, error) {
	var all [2]sketch.Sketch
	for i := range all {
		raw, ok := args[i].([]byte)
		if !ok {
			return nil, fmt.Errorf("%w: %T", sketch.ErrMalformed, args[i])
		}
		if err := all[i].SetBytes(raw); err != nil {
			return nil, err
		}
	}
	all[0].Merge(&all[1])
	return all[0].Bytes(), nil
}

// keyUsageStatement adds that many rows. A sketch is merged only where it
// differs, which is seldom.
func keyUsageStatement(rows int) string {
	return `WITH given (key_id, minute, reason, policy, minutes, checks, latency_us, addresses) AS (VALUES ` +
		strings.Repeat("(?, ?, ?, ?, ?, ?, ?, ?), ", rows-1) + `(?, ?, ?, ?, ?, ?, ?, ?))
	INSERT INTO usage_minute (key_id, minute, reason, policy, minutes, namespace, owner, plan, checks, latency_us, addresses)
	SELECT g.key_id, g.minute, g.reason, g.policy, g.minutes, ifnull(k.namespace, ''), ifnull(k.owner, ''), ifnull(k.plan, ''),
		g.checks, g.latency_us, g.addresses
	FROM given AS g LEFT JOIN api_keys AS k ON k.key_id = g.key_id WHERE true
	ON CONFLICT (key_id, minute, reason, policy) DO UPDATE SET minutes = max(minutes, excluded.minutes),
		checks = checks + excluded.checks, latency_us = latency_us + excluded.latency_us,
		addresses = CASE addresses WHEN excluded.addresses THEN addresses ELSE credence_merge(addresses, excluded.addresses) END`
}

// addKeyUsage sums: as many rows at a time as fit, and the rest one by one.
func addKeyUsage(ctx context.Context, tx *sql.Tx, keys []store.KeyUsage) error {
	whole := len(keys) / usageRows * usageRows
	if err := addKeyUsages(ctx, tx, keys[:whole], usageRows); err != nil {
		return err
	}
	return addKeyUsages(ctx, tx, keys[whole:], 1)
}

func addKeyUsages(ctx context.Context, tx *sql.Tx, keys []store.KeyUsage, atOnce int) error {
	if len(keys) == 0 {
		return nil
	}
	return prepared(ctx, tx, keyUsageStatement(atOnce), func(ctx context.Context, add *sql.Stmt) error {
		args := make([]any, 0, 8*atOnce)
		for i := range keys {
			k := &keys[i]
			args = append(args, k.KeyID, micros(k.Minute), k.Reason, k.Policy, k.Minutes, k.Checks, k.Latency.Microseconds(), k.Addresses.Bytes())
			if len(args) < cap(args) {
				continue
			}
			if _, err := add.ExecContext(ctx, args...); err != nil {
				return err
			}
			args = args[:0]
		}
		return nil
	})
}

func addFailing(ctx context.Context, tx *sql.Tx, failing []store.FailingAddress) error {
	if len(failing) == 0 {
		return nil
	}
	return prepared(ctx, tx, `INSERT INTO usage_failing (minute, reason, address, checks, uncertain) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (minute, reason, address) DO UPDATE SET
			checks = checks + excluded.checks, uncertain = uncertain + excluded.uncertain`,
		func(ctx context.Context, add *sql.Stmt) error {
			for _, f := range failing {
				_, err := add.ExecContext(ctx, micros(f.Minute), f.Reason, f.Address.String(), f.Checks, f.Uncertain)
				if err != nil {
					return err
				}
			}
			return nil
		})
}

func addAgents(ctx context.Context, tx *sql.Tx, agents []store.AgentUsage) error {
	if len(agents) == 0 {
		return nil
	}
	return prepared(ctx, tx, `WITH given (key_id, start_at, agent, checks, denied, latency_us) AS (VALUES (?, ?, ?, ?, ?, ?))
		INSERT INTO usage_agents (key_id, start_at, agent, namespace, owner, plan, checks, denied, latency_us)
		SELECT g.key_id, g.start_at, g.agent, ifnull(k.namespace, ''), ifnull(k.owner, ''), ifnull(k.plan, ''), g.checks, g.denied, g.latency_us
		FROM given AS g LEFT JOIN api_keys AS k ON k.key_id = g.key_id WHERE true
		ON CONFLICT (key_id, start_at, agent) DO UPDATE SET checks = checks + excluded.checks,
			denied = denied + excluded.denied, latency_us = latency_us + excluded.latency_us`,
		func(ctx context.Context, add *sql.Stmt) error {
			for i := range agents {
				a := &agents[i]
				_, err := add.ExecContext(ctx, a.KeyID, micros(a.Hour), a.Agent, a.Checks, a.Denied, a.Latency.Microseconds())
				if err != nil {
					return err
				}
			}
			return nil
		})
}

func addLastUse(ctx context.Context, tx *sql.Tx, used []store.KeyLastUse) error {
	if len(used) == 0 {
		return nil
	}
	return prepared(ctx, tx, `UPDATE api_keys SET last_used_at = ?1, last_used_ip = ?2
		WHERE key_id = ?3 AND status <> 'purged' AND (last_used_at IS NULL OR last_used_at <= ?1 - ?4)`,
		func(ctx context.Context, set *sql.Stmt) error {
			for _, u := range used {
				var from any
				if u.Address.IsValid() {
					from = u.Address.String()
				}
				if _, err := set.ExecContext(ctx, micros(u.At), from, u.KeyID, time.Minute.Microseconds()); err != nil {
					return err
				}
			}
			return nil
		})
}

// prepared runs one statement many times. The driver starts a goroutine for
// each statement whose context can end; these are short, so none is told of it:
// a context that ends rolls the transaction back between two of them.
func prepared(ctx context.Context, tx *sql.Tx, statement string, run func(ctx context.Context, s *sql.Stmt) error) (err error) {
	s, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := run(context.WithoutCancel(ctx), s); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}
