package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"credence/store"
	"credence/store/postgres"
	"credence/store/sqlite"
)

// database is what the store address names: one of the two.
type database struct {
	sqlite   *sqlite.Options
	postgres *postgres.Options
}

// parseStore turns the store address into the options of its backend.
func parseStore(c config, logger *slog.Logger) (database, error) {
	path, isSQLite := strings.CutPrefix(c.Store, "sqlite:")
	switch {
	case isSQLite && path != "":
		return database{sqlite: &sqlite.Options{Path: path, Now: time.Now, Random: rand.Reader, Logger: logger}}, nil
	case strings.HasPrefix(c.Store, "postgres://"), strings.HasPrefix(c.Store, "postgresql://"):
		return database{postgres: &postgres.Options{
			URL: c.Store, SessionURL: c.StoreSessionURL, Now: time.Now, Random: rand.Reader, Logger: logger,
		}}, nil
	case c.Store == "":
		return database{}, usageError{errors.New("store: missing: name the database with --store postgres://USER@HOST/DATABASE " +
			"(or CREDENCE_STORE, where ps does not show a password)")}
	}
	return database{}, usageError{fmt.Errorf("store: %q is neither sqlite:PATH nor postgres://USER@HOST/DATABASE", maskURL(c.Store))}
}

// sharedBy refuses a file to one plane alone: the other could not open it while
// that one runs.
func (d *database) sharedBy(c config, p processes) error {
	name := "extauthz"
	if p == inManagement {
		name = "management"
	}
	if d.sqlite == nil || p != inExtauthz && p != inManagement {
		return nil
	}
	return usageError{fmt.Errorf("store: %q is a SQLite file, which one process has at a time, and %s is one of two: "+
		"run `credence serve`, which is both in one, or name a PostgreSQL database with --store postgres://USER@HOST/DATABASE", c.Store, name)}
}

// migrateStore brings the database to this version's schema.
func migrateStore(ctx context.Context, c config, logger *slog.Logger) (from, to int64, err error) {
	db, err := parseStore(c, logger)
	if err != nil {
		return 0, 0, err
	}
	if db.postgres != nil {
		return postgres.Migrate(ctx, *db.postgres)
	}
	if err := makeDataDir(filepath.Dir(db.sqlite.Path)); err != nil {
		return 0, 0, err
	}
	return sqlite.Migrate(ctx, *db.sqlite)
}

// withStore opens the database, runs use on it and closes it.
func withStore(ctx context.Context, c config, logger *slog.Logger, use func(store.Backend) error) error {
	backend, err := openStore(ctx, c, logger)
	if err != nil {
		return err
	}
	return errors.Join(use(backend), backend.Close())
}

// openStore opens the database. The caller closes it.
func openStore(ctx context.Context, c config, logger *slog.Logger) (store.Backend, error) {
	db, err := parseStore(c, logger)
	if err != nil {
		return nil, err
	}
	var backend store.Backend
	if db.postgres != nil {
		backend, err = postgres.Open(ctx, *db.postgres)
	} else {
		backend, err = sqlite.Open(ctx, *db.sqlite)
	}
	if errors.Is(err, store.ErrOldSchema) {
		return nil, fmt.Errorf("%w: run `credence migrate` with the same --store", err)
	}
	if err != nil {
		return nil, err // not backend: it holds a pointer that is nil
	}
	return backend, nil
}
