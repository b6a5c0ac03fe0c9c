package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Pooler is [Server.StartPooler] until the test ends.
func (s *Server) Pooler(tb testing.TB) func(address string) string {
	tb.Helper()
	through, stop, err := s.StartPooler(tb.Context())
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Error(err)
		}
	})
	return func(address string) string {
		at, err := through(address)
		if err != nil {
			tb.Fatalf("pooler: %v", err)
		}
		return at
	}
}

// StartPooler puts a real pgbouncer in transaction mode before the server,
// until stop. It answers what makes of an address the one through it. Its few
// connections to each database go from client to client with every
// transaction, so what a client leaves in a session is another's to find.
func (s *Server) StartPooler(ctx context.Context) (through func(address string) (string, error), stop func() error, err error) {
	if _, err := s.owned(); err != nil {
		return nil, nil, err
	}
	folder, err := newFolder(s.as)
	if err != nil {
		return nil, nil, err
	}
	port, p, err := s.pool(ctx, folder)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop = func() error { return errors.Join(p.stop(syscall.SIGTERM), os.RemoveAll(folder)) }
	return func(address string) (string, error) { return socketAddress(address, folder, port) }, stop, nil
}

// pool starts the pooler and answers its port.
func (s *Server) pool(ctx context.Context, folder string) (int, *process, error) {
	program, err := findPooler()
	if err != nil {
		return 0, nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return 0, nil, err
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	// Whoever gets to the socket is let in as the superuser, as without pooler.
	text := fmt.Sprintf("[databases]\n* = host=%s port=%d user=postgres\n[pgbouncer]\npool_mode = transaction\n"+
		"default_pool_size = 3\nmax_client_conn = 200\nauth_type = any\nlisten_addr =\nlisten_port = %d\nunix_socket_dir = %s\n",
		s.folder, s.port, port, folder)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // G306: the account reads what root wrote
		return 0, nil, err
	}
	address, err := socketAddress(s.admin.String(), folder, port)
	if err != nil {
		return 0, nil, err
	}
	p, err := start(exec.Command(program, config), s.as, filepath.Join(folder, "log")) //nolint:noctx // stopped by the caller
	if err != nil {
		return 0, nil, err
	}
	if err := p.until(ctx, func() error { return pooled(ctx, address) }); err != nil {
		return 0, nil, errors.Join(err, p.stop(syscall.SIGTERM))
	}
	return port, p, nil
}

// socketAddress is the address with another socket.
func socketAddress(address, folder string, port int) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	u.Host = ""
	u.RawQuery = url.Values{"host": {folder}, "port": {strconv.Itoa(port)}}.Encode()
	return u.String(), nil
}

func pooled(ctx context.Context, address string) error {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SELECT 1")
	if closeErr := c.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}
