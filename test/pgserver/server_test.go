package pgserver_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"credence/test/pgserver"
)

func startServer(t *testing.T) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context())
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return s
}

func TestOneServerServesSeparateDatabasesAndSurvivesItsTroubles(t *testing.T) {
	s := startServer(t)
	one := s.Database(t)
	pgserver.Exec(t, one, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
	prepared := 0
	prepare := func(address string) error {
		prepared++
		pgserver.Exec(t, address, "CREATE TABLE copied (n int)")
		return nil
	}
	for range 2 {
		address := s.DatabaseFrom(t, "schema", prepare)
		pgserver.Exec(t, address, "INSERT INTO copied VALUES (1)")
		if got := pgserver.Query(t, address, "SELECT count(*)::text FROM copied"); got[0] != "1" {
			t.Errorf("a database is not fresh: %v rows", got)
		}
	}
	if prepared != 1 {
		t.Errorf("the template was made %d times", prepared)
	}
	kept := func() string { return pgserver.Query(t, one, "SELECT n::text FROM kept")[0] }

	if err := s.Restart(t.Context()); err != nil {
		t.Fatalf("restart: %v", err)
	}
	kept()
	if err := s.Crash(); err != nil {
		t.Fatalf("crash: %v", err)
	}
	if err := s.Launch(t.Context()); err != nil {
		t.Fatalf("launch: %v", err)
	}
	kept()
	if err := s.MakeStandby(t.Context()); err != nil {
		t.Fatalf("standby: %v", err)
	}
	kept()
	var refused *pgconn.PgError
	if err := s.Exec(t.Context(), "CREATE TABLE written ()"); !errors.As(err, &refused) || refused.Code != "25006" {
		t.Errorf("a standby that takes writes: %v", err)
	}
	if err := s.MakePrimary(t.Context()); err != nil {
		t.Fatalf("primary: %v", err)
	}
	if err := s.Exec(t.Context(), "CREATE TABLE written ()"); err != nil {
		t.Errorf("a promoted server that takes no writes: %v", err)
	}
}

func TestAFrozenServerKeepsConnectionsAndAnswersNothing(t *testing.T) {
	s := startServer(t)
	err := s.Do(t.Context(), func(c *pgx.Conn) error {
		if err := s.Pause(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a frozen server answered: %v", err)
		}
		return s.Resume()
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("after the thaw: %v", err)
	}
}

func TestAPoolerInTransactionModeKeepsNoSession(t *testing.T) {
	s := startServer(t)
	address := s.Pooler(t)(s.Database(t))
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var server uint32
	if err := c.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&server); err != nil {
		t.Fatal(err)
	}
	if server == c.PgConn().PID() {
		t.Error("there is no pooler in between")
	}
}

// The folders of programs that died are removed by the next start.
func TestAFolderOfADeadProgramIsRemoved(t *testing.T) {
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", os.TempDir()) // not in memory, wherever that is
	left := filepath.Join(os.TempDir(), fmt.Sprintf("crd-pg-%d-left", dead.Process.Pid))
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	startServer(t)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", filepath.Base(left), err)
	}
}
