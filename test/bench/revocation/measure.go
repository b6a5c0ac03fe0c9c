package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/redisserver"
	"credence/test/stage"
)

// measure sets the scene once and measures all ways of learning of a change.
func measure(ctx context.Context, p parameters, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "credence-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	binary, err := harness.Build(ctx, folder)
	if err != nil {
		return err
	}
	server, err := pgserver.Start(ctx)
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	defer func() { err = errors.Join(err, server.Stop(context.WithoutCancel(ctx))) }()
	// The moment of a commit is asked of PostgreSQL itself, and each replica
	// keeps two connections or three.
	for _, setting := range []string{"track_commit_timestamp = on", "max_connections = 600"} {
		if err := server.Exec(ctx, "ALTER SYSTEM SET "+setting); err != nil {
			return fmt.Errorf("settings of PostgreSQL: %w", err)
		}
	}
	if err := server.Restart(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d replicas, %d Checks a second in all, %d keys revoked at %d a second\n", p.replicas, p.rate, p.keys, p.pace)
	shared, err := redisserver.StartIn(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	for n, w := range []way{
		{name: "push (LISTEN)", listen: true},
		{name: "push (Redis)", redis: shared.Address()},
		{name: "polling only"},
	} {
		at := filepath.Join(folder, fmt.Sprint("way-", n))
		if err := os.Mkdir(at, 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		if err := measureOne(ctx, p, binary, at, server, w, out); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// way is how replicas learn of a change before they ask by themselves.
type way struct {
	name   string
	listen bool   // from PostgreSQL; otherwise a pooler that keeps no session is in between
	redis  string // from the Redis at that address; "" for none
}

func measureOne(ctx context.Context, p parameters, binary, folder string, server *pgserver.Server, w way, out io.Writer) (err error) {
	s, err := newScene(ctx, p, binary, folder, server, w)
	defer func() { err = errors.Join(err, s.close()) }()
	if err != nil {
		return err
	}
	if err := s.revokeAll(ctx); err != nil {
		return err
	}
	commits, err := commitTimes(ctx, s.stage)
	if err != nil {
		return err
	}
	return report(out, w.name, s, commits)
}

// commitTimes answers when each key's revocation was committed: the last
// change of the key in the feed.
func commitTimes(ctx context.Context, s *stage.Stage) (map[string]time.Time, error) {
	conn, err := pgx.Connect(ctx, s.Owner)
	if err != nil {
		return nil, fmt.Errorf("commit times: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	rows, err := conn.Query(ctx, "SELECT DISTINCT ON (object_id) object_id, pg_xact_commit_timestamp(xmin) "+
		"FROM credence.changes WHERE kind = 'key' ORDER BY object_id, revision DESC")
	if err != nil {
		return nil, fmt.Errorf("commit times: %w", err)
	}
	defer rows.Close()
	times := map[string]time.Time{}
	for rows.Next() {
		var id string
		var at time.Time
		if err := rows.Scan(&id, &at); err != nil {
			return nil, fmt.Errorf("commit times: %w", err)
		}
		times[id] = at
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("commit times: %w", err)
	}
	return times, nil
}
