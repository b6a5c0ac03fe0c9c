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

// Pooler puts a real pgbouncer in transaction mode before the database at
// address (of this server), until the test ends, and answers the address
// through it. Its few connections to the server go from client to client with
// every transaction, so what a client leaves in a session is another's to find.
func (s *Server) Pooler(tb testing.TB, address string) string {
	tb.Helper()
	if _, err := s.owned(); err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	program, err := findPooler()
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	folder, err := newFolder(s.as)
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(folder) })
	port, err := freePort(tb.Context())
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	// Whoever gets to the socket is let in as the superuser, as without pooler.
	text := fmt.Sprintf("[databases]\n* = host=%s port=%d user=postgres\n[pgbouncer]\npool_mode = transaction\n"+
		"default_pool_size = 3\nmax_client_conn = 200\nauth_type = any\nlisten_addr =\nlisten_port = %d\nunix_socket_dir = %s\n",
		s.folder, s.port, port, folder)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil { //nolint:gosec // G306: the account reads what root wrote
		tb.Fatalf("pooler: %v", err)
	}
	cmd := exec.Command(program, config) //nolint:noctx // stopped by the cleanup
	p, err := start(cmd, s.as, filepath.Join(folder, "log"))
	if err != nil {
		tb.Fatalf("start pooler: %v", err)
	}
	tb.Cleanup(func() {
		if err := p.stop(syscall.SIGTERM); err != nil {
			tb.Error(err)
		}
	})
	through, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	through.RawQuery = url.Values{"host": {folder}, "port": {strconv.Itoa(port)}}.Encode()
	ready := func() error { return pooled(tb.Context(), through.String()) }
	if err := p.until(tb.Context(), ready); err != nil {
		tb.Fatalf("pooler: %v", err)
	}
	return through.String()
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
