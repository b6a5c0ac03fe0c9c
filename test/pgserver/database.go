package pgserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Database makes an empty database, and drops it when the test ends. It
// answers a superuser's address of it.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	return s.copy(tb, "template0")
}

// DatabaseFrom is [Server.Database] with a copy of what prepare makes of an
// empty one. Prepare runs once for each name.
func (s *Server) DatabaseFrom(tb testing.TB, name string, prepare func(address string) error) string {
	tb.Helper()
	template, err := s.templateOf(tb.Context(), name, prepare)
	if err != nil {
		tb.Fatalf("template %s: %v", name, err)
	}
	return s.copy(tb, template)
}

func (s *Server) templateOf(ctx context.Context, name string, prepare func(address string) error) (string, error) {
	s.templates.Lock()
	defer s.templates.Unlock()
	if database, made := s.template[name]; made {
		return database, nil
	}
	database := randomName()
	if err := s.create(ctx, database, "template0"); err != nil {
		return "", err
	}
	s.template[name] = database
	return database, prepare(s.Address(database))
}

func (s *Server) copy(tb testing.TB, template string) string {
	tb.Helper()
	database := randomName()
	if err := s.create(tb.Context(), database, template); err != nil {
		tb.Fatalf("make a database: %v", err)
	}
	tb.Cleanup(func() {
		// The test's context has ended.
		if err := s.drop(context.WithoutCancel(tb.Context()), database); err != nil {
			tb.Errorf("drop the database: %v", err)
		}
	})
	return s.Address(database)
}

func (s *Server) create(ctx context.Context, database, template string) error {
	return s.Do(ctx, func(c *pgx.Conn) error {
		statement := "CREATE DATABASE " + quote(database) + " TEMPLATE " + quote(template) + " ENCODING 'UTF8'"
		if version := c.PgConn().ParameterStatus("server_version"); major(version) >= 15 {
			statement += " STRATEGY FILE_COPY" // what older ones always do; quick without fsync
		}
		_, err := c.Exec(ctx, statement)
		return err
	})
}

func (s *Server) drop(ctx context.Context, database string) error {
	return s.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(database)+" WITH (FORCE)")
}

func (s *Server) dropTemplates(ctx context.Context) error {
	s.templates.Lock()
	defer s.templates.Unlock()
	for name, database := range s.template {
		if err := s.drop(ctx, database); err != nil {
			return err
		}
		delete(s.template, name)
	}
	return nil
}

// Login makes a login role that is a member of the roles named, dropped when
// the test ends, and answers its address of the database at address.
func (s *Server) Login(tb testing.TB, address string, roles ...string) string {
	tb.Helper()
	name, word := randomName(), rand.Text()
	statement := "CREATE ROLE " + quote(name) + " LOGIN PASSWORD '" + word + "'"
	if len(roles) > 0 {
		statement += " IN ROLE " + strings.Join(roles, ", ")
	}
	if err := s.Exec(tb.Context(), statement); err != nil {
		tb.Fatalf("make a login: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Exec(context.WithoutCancel(tb.Context()), "DROP ROLE "+quote(name)); err != nil {
			tb.Errorf("drop the login: %v", err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("address: %v", err)
	}
	u.User = url.UserPassword(name, word)
	return u.String()
}

// Address is a superuser's address of a database.
func (s *Server) Address(database string) string {
	u := *s.admin
	u.Path = "/" + database
	return u.String()
}

// randomName starts with a letter and needs no quoting.
func randomName() string { return "crd_" + strings.ToLower(rand.Text()) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// Query answers the single column of a query as text, for looking at a
// database behind the back of what is tested.
func Query(tb testing.TB, address, query string, args ...any) []string {
	tb.Helper()
	var found []string
	err := do(tb.Context(), address, func(c *pgx.Conn) error {
		rows, err := c.Query(tb.Context(), query, args...)
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		tb.Fatalf("query: %v", err)
	}
	return found
}

// Exec runs statements in the database at address.
func Exec(tb testing.TB, address, statements string) {
	tb.Helper()
	err := do(tb.Context(), address, func(c *pgx.Conn) error {
		_, err := c.Exec(tb.Context(), statements)
		return err
	})
	if err != nil {
		tb.Fatalf("exec: %v", fmt.Errorf("%s: %w", statements, err))
	}
}
