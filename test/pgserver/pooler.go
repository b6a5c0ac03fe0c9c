package pgserver

import (
	"context"
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

// Pooler puts a real pgbouncer in transaction mode before the server, until
// the test ends. It answers what makes of an address the one through it. Its
// few connections to each database go from client to client with every
// transaction, so what a client leaves in a session is another's to find.
func (s *Server) Pooler(tb testing.TB) func(address string) string {
	tb.Helper()
	if _, err := s.owned(); err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	folder, err := newFolder(s.as)
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(folder) })
	port, err := s.pool(tb, folder)
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	return func(address string) string { return through(tb, address, folder, port) }
}

// pool starts the pooler and answers its port.
func (s *Server) pool(tb testing.TB, folder string) (int, error) {
	tb.Helper()
	program, err := findPooler()
	if err != nil {
		return 0, err
	}
	port, err := freePort(tb.Context())
	if err != nil {
		return 0, err
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	// Whoever gets to the socket is let in as the superuser, as without pooler.
	text := fmt.Sprintf("[databases]\n* = host=%s port=%d user=postgres\n[pgbouncer]\npool_mode = transaction\n"+
		"default_pool_size = 3\nmax_client_conn = 200\nauth_type = any\nlisten_addr =\nlisten_port = %d\nunix_socket_dir = %s\n",
		s.folder, s.port, port, folder)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // G306: the account reads what root wrote
		return 0, err
	}
	p, err := start(exec.Command(program, config), s.as, filepath.Join(folder, "log")) //nolint:noctx // stopped by the cleanup
	if err != nil {
		return 0, err
	}
	tb.Cleanup(func() {
		if err := p.stop(syscall.SIGTERM); err != nil {
			tb.Error(err)
		}
	})
	address := through(tb, s.admin.String(), folder, port)
	return port, p.until(tb.Context(), func() error { return pooled(tb.Context(), address) })
}

// through is the address with another socket.
func through(tb testing.TB, address, folder string, port int) string {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	u.RawQuery = url.Values{"host": {folder}, "port": {strconv.Itoa(port)}}.Encode()
	return u.String()
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
