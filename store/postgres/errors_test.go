package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"credence/store"
)

func TestEveryKindOfErrorHasItsSentinel(t *testing.T) {
	for code, want := range map[string]error{
		"23505": store.ErrConflict, "23503": store.ErrMissingReference, "23502": store.ErrInvalid, "23514": store.ErrInvalid,
		"23001": store.ErrInvalid, "22001": store.ErrInvalid, "22021": store.ErrInvalid, "22P02": store.ErrInvalid, "54000": store.ErrInvalid,
		"42601": store.ErrInvalid, "25P02": store.ErrInvalid, "42P01": store.ErrOldSchema, "42703": store.ErrOldSchema,
		"42883": store.ErrOldSchema, "3F000": store.ErrOldSchema, "XX001": store.ErrCorrupt, "XX002": store.ErrCorrupt,
		"08006": store.ErrUnavailable, "25006": store.ErrUnavailable, "25P03": store.ErrUnavailable, "28P01": store.ErrUnavailable,
		"3D000": store.ErrUnavailable, "40001": store.ErrUnavailable, "40P01": store.ErrUnavailable, "42501": store.ErrUnavailable,
		"53100": store.ErrUnavailable, "53200": store.ErrUnavailable, "53300": store.ErrUnavailable, "55P03": store.ErrUnavailable,
		"57014": store.ErrUnavailable, "57P01": store.ErrUnavailable, "57P03": store.ErrUnavailable, "58030": store.ErrUnavailable,
		"XX000": store.ErrUnavailable, "": store.ErrUnavailable, "?": store.ErrUnavailable,
	} {
		err := translate(t.Context(), fmt.Errorf("query: %w", &pgconn.PgError{Code: code, Message: "the server's words"}))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", code, err, want)
		}
		if _, ok := errors.AsType[*pgconn.PgError](err); !ok {
			t.Errorf("%s: the server's words are lost: %v", code, err)
		}
	}
	for name, c := range map[string]struct{ err, want error }{
		"no row":         {pgx.ErrNoRows, store.ErrNotFound},
		"broken pipe":    {errors.New("write: broken pipe"), store.ErrUnavailable},
		"scan":           {pgx.ScanArgError{Err: errors.New("a number")}, store.ErrCorrupt},
		"own deadline":   {context.DeadlineExceeded, store.ErrUnavailable},
		"lost commit":    {pgx.ErrTxCommitRollback, store.ErrInvalid},
		"ours already":   {store.ErrCorrupt, store.ErrCorrupt},
		"nothing at all": {nil, nil},
	} {
		if err := translate(t.Context(), c.err); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := translate(t.Context(), context.DeadlineExceeded); errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("our own deadline looks like the caller's: %v", err)
	}
}

func TestTheCallersContextIsTheCallersError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := translate(ctx, &pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"})
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want only the cancellation", err)
	}
}
