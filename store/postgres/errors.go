package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"credence/store"
)

// translate turns an error of the driver or of the server into one that wraps
// a sentinel of package store, and keeps its text for the log. Errors that are
// ours already pass, and so do those of the caller's context ctx: only when it
// has ended, for our own bounds of time end in the same errors.
//
// A foreign key that does not hold is ErrMissingReference here; where a row is
// deleted it means the opposite, and [translateDelete] says so.
func translate(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrCorrupt): // a column that did not scan
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w (%v)", ctx.Err(), oneLine(err))
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("%w: an error inside the transaction was not returned: %w", store.ErrInvalid, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// Not the caller's: it must not be taken for that.
		return fmt.Errorf("%w: no answer in time (%v)", store.ErrUnavailable, oneLine(err))
	}
	err = oneLine(err)
	if _, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if remedy := remedies(server.Code); remedy != "" {
		return fmt.Errorf("%w: %w; %s", sentinel(server.Code), err, remedy)
	}
	return fmt.Errorf("%w: %w", sentinel(server.Code), err)
}

// lined is an error of connecting whose text stands on one line.
type lined struct {
	error
	text string
}

// Error is the text of that line.
func (e lined) Error() string { return e.text }

// Unwrap answers the driver's error.
func (e lined) Unwrap() error { return e.error }

// oneLine puts what the driver says of every try to connect on one line, each
// thing once: it tries an address with TLS and then without, so the same
// refusal comes twice, or a refused TLS stands before what matters.
func oneLine(err error) error {
	connect, ok := errors.AsType[*pgconn.ConnectError](err)
	if !ok {
		return err
	}
	said := strings.Split(connect.Error(), "\n\t")
	if len(said) == 1 {
		return err
	}
	var tries, beside []string // those that say more than that there is no TLS
	for _, try := range said[1:] {
		if slices.Contains(tries, try) {
			continue
		}
		tries = append(tries, try)
		if !strings.HasSuffix(try, "server refused TLS connection") {
			beside = append(beside, try)
		}
	}
	if len(beside) > 0 {
		tries = beside
	}
	line := said[0] + " " + strings.Join(tries, "; ")
	return lined{err, strings.Replace(err.Error(), connect.Error(), line, 1)}
}

// sentinel is the meaning of a SQLSTATE (PostgreSQL's manual, appendix A). The
// first two characters are its class.
func sentinel(code string) error {
	switch code {
	case "23505": // unique_violation
		return store.ErrConflict
	case "23503": // foreign_key_violation
		return store.ErrMissingReference
	case "42501", "28P01", "28000", "3D000": // privilege, password, login, no such database
		return store.ErrRefused
	case "42P01", "42703", "42883", "3F000": // undefined table, column, function, schema
		return store.ErrOldSchema
	case "25P02": // in_failed_sql_transaction
		return store.ErrInvalid
	case "XX001", "XX002": // data_corrupted, index_corrupted
		return store.ErrCorrupt
	}
	if len(code) < 2 {
		return store.ErrUnavailable
	}
	switch code[:2] {
	case "22", "23", "42", "54": // data, integrity, syntax, limits of the program
		return store.ErrInvalid
	default:
		// 08 connection, 25 transaction state (read-only), 40 rollback, 53 resources, 55 locks, 57 operator, 58 system.
		return store.ErrUnavailable
	}
}

// remedies says what helps where the server's words do not.
func remedies(code string) string {
	switch code {
	case "42501":
		return "the login lacks a privilege: a data plane's has to be a member of credence_data, a control plane's of the role that migrates"
	case "25006":
		return "the database is read-only: it is a standby, or was made so"
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return "check the name and the password in the address, and who pg_hba.conf lets in from here"
	case "53100": // disk_full
		return "the server's disk is full: make room; it goes on by itself then"
	case "3D000":
		return "make the database first: CREATE DATABASE"
	case "53300":
		return "the server has no connection left: raise max_connections, or lower the pools of the processes"
	case "42P01", "42703", "42883", "3F000":
		return "run `credence migrate`"
	default:
		return ""
	}
}

// advice says what helps against an error of connecting that came from no
// server: nobody answered, or not in time, or not in a way that we trust.
func advice(err error) string {
	if _, said := errors.AsType[*pgconn.PgError](err); said || !errors.Is(err, store.ErrUnavailable) {
		return ""
	}
	return "; see that the server runs, that the address leads to it, and that its certificate is valid where TLS is asked for"
}

// translateDelete is translate for statements that delete: a foreign key that
// does not hold then means that others still refer to the row.
func translateDelete(err error) error {
	if errors.Is(err, store.ErrMissingReference) {
		return fmt.Errorf("%w (%v)", store.ErrReferenced, err)
	}
	return err
}
