package pgserver

import (
	"context"
	"os"
	"path/filepath"
)

// Secure lets the server speak TLS with the certificate and key (PEM).
// Connections that are open stay as they are.
func (s *Server) Secure(ctx context.Context, certificate, key []byte) error {
	if _, err := s.owned(); err != nil {
		return err
	}
	for name, content := range map[string][]byte{"server.crt": certificate, "server.key": key} {
		path := filepath.Join(s.data(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		if s.as != nil {
			if err := os.Chown(path, int(s.as.Uid), int(s.as.Gid)); err != nil {
				return err
			}
		}
	}
	return s.setTLS(ctx, "on")
}

// Insecure ends Secure.
func (s *Server) Insecure(ctx context.Context) error { return s.setTLS(ctx, "off") }

func (s *Server) setTLS(ctx context.Context, value string) error {
	if err := s.Exec(ctx, "ALTER SYSTEM SET ssl = "+value); err != nil {
		return err
	}
	return s.Exec(ctx, "SELECT pg_reload_conf()")
}
