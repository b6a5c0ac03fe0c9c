package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"credence/management/client"
	"credence/test/harness"
	"credence/test/pgserver"
	"credence/test/stage"
)

// figures are those of one start.
type figures struct {
	ready  time.Duration
	warmed int
	cpu    time.Duration
	memory float64 // bytes
}

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

	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "keys\tready\tworst\twarmed\tCPU\tmemory\tper key\t")
	var empty figures
	for i, n := range append([]int{0}, p.keys...) {
		at := filepath.Join(folder, strconv.Itoa(i))
		if err := os.Mkdir(at, 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		all, err := starts(ctx, binary, at, server, n, p.rounds)
		if err != nil {
			return errors.Join(fmt.Errorf("%d keys: %w", n, err), table.Flush())
		}
		f := all[len(all)/2]
		perKey := "-"
		if n == 0 {
			empty = f
		} else {
			perKey = fmt.Sprintf("%.0f B", (f.memory-empty.memory)/float64(n))
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%.0f MiB\t%s\t\n", n, f.ready.Round(10*time.Millisecond),
			all[len(all)-1].ready.Round(10*time.Millisecond), f.warmed, f.cpu.Round(10*time.Millisecond), f.memory/(1<<20), perKey)
	}
	return table.Flush()
}

// starts fills a database and starts a data plane on it again and again. The
// quickest start comes first.
func starts(ctx context.Context, binary, folder string, server *pgserver.Server, keys, rounds int) ([]figures, error) {
	s, err := stage.Prepare(ctx, binary, folder, server)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, s, keys); err != nil {
		return nil, err
	}
	var all []figures
	for range rounds {
		f, err := one(ctx, s, keys)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b figures) int { return int(a.ready - b.ready) })
	return all, nil
}

// manyStatement makes more keys like the one that is there, used in another
// order than they were made.
//
//nolint:unqueryvet // all columns, whatever a schema has: those not named here are copied
const manyStatement = `INSERT INTO credence.api_keys OVERRIDING SYSTEM VALUE
	SELECT many.* FROM credence.api_keys AS k, generate_series(2, $1::integer) AS n,
		jsonb_populate_record(k, jsonb_build_object('id', k.id + n, 'key_id', 'key_bench_' || n,
			'key_hash', sha256(convert_to(n::text, 'UTF8')), 'last_used_at', now() - make_interval(secs => n::bigint * 7919 % 1000003))) AS many`

// fill makes the keys, each with two scopes and two limits.
func fill(ctx context.Context, s *stage.Stage, keys int) error {
	if keys == 0 {
		return nil
	}
	if err := first(ctx, s); err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	conn, err := pgx.Connect(ctx, s.Owner)
	if err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the statements have their own errors
	if _, err := conn.Exec(ctx, manyStatement, keys); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	// As autovacuum does soon, but not in the middle of a round.
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE credence.api_keys"); err != nil {
		return fmt.Errorf("fill the database: %w", err)
	}
	return nil
}

// first makes one key as an operator would.
func first(ctx context.Context, s *stage.Stage) (err error) {
	m, err := s.Management(ctx, s.Owner)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	api, err := s.Client(m)
	if err != nil {
		return err
	}
	defer api.Close()
	_, err = api.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{
		Name: "bench", Scopes: []string{"orders:read", "orders:write"},
		Limits: []client.Limit{{Name: "second", Limit: 100, Period: "1s", Burst: 200}, {Name: "hour", Limit: 100_000, Period: "1h"}},
	}})
	return err
}

// one starts a data plane, and stops it when it has been ready.
func one(ctx context.Context, s *stage.Stage, keys int) (f figures, err error) {
	start := time.Now()
	r, err := s.Replica(ctx, s.Checker, "--cache-size", strconv.Itoa(max(keys, 100)))
	if err != nil {
		return f, err
	}
	f.ready = time.Since(start)
	defer func() { err = errors.Join(err, r.Close()) }()
	text, err := page(ctx, "http://"+r.Status+"/metrics")
	if err != nil {
		return f, err
	}
	for name, to := range map[string]func(float64){
		"credence_cache_entries":        func(v float64) { f.warmed = int(v) },
		"process_cpu_seconds_total":     func(v float64) { f.cpu = time.Duration(v * float64(time.Second)) },
		"process_resident_memory_bytes": func(v float64) { f.memory = v },
	} {
		value, err := metric(text, name)
		if err != nil {
			return f, err
		}
		to(value)
	}
	return f, nil
}

func page(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("read the metrics: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("read the metrics: %w", err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return "", fmt.Errorf("read the metrics: %w", err)
	}
	return string(text), nil
}

// metric is the value of a metric without labels.
func metric(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("the metrics have no %s", name)
}
