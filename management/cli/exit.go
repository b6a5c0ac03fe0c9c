package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"credence/management/client"
)

// The exit codes.
const (
	ExitOK          = 0
	ExitFailure     = 1
	ExitUsage       = 2
	ExitNotFound    = 3
	ExitConflict    = 4
	ExitDenied      = 5
	ExitUnavailable = 6
	ExitUnconfirmed = 7
)

// exitRow is one row of the table of exit codes: what the API's error codes
// and the errors of the CLI itself become.
type exitRow struct {
	exit    int
	meaning string
	codes   []string
}

func exitTable() []exitRow {
	return []exitRow{
		{ExitOK, "done", nil},
		{ExitFailure, "anything else", []string{"internal", "unexpected_answer", "misdirected_request", "no_such_path", "method_not_allowed", "unsupported_media_type", "remote_failed"}},
		{ExitUsage, "a flag, argument or value is wrong", []string{"invalid_input", "malformed_request", "payload_too_large", "precondition_required", "idempotency_key_reused"}},
		{ExitNotFound, "no such object", []string{"not_found"}},
		{ExitConflict, "the name is taken, the object changed meanwhile, is in use, or its state forbids it", []string{"conflict", "stale_version", "in_use", "key_revoked", "key_expired", "key_rotated", "key_not_purgeable"}},
		{ExitDenied, "the admin token is missing, not usable, or may not do this", []string{"unauthorized", "forbidden"}},
		{ExitUnavailable, "the server cannot be reached or cannot answer now", []string{"unavailable", "identity_provider_unavailable", "too_many_failures"}},
		{ExitUnconfirmed, "the change was made, but not every replica confirmed it within --wait", nil},
	}
}

// ExitCode is the exit code of what a command answered.
func ExitCode(err error) int {
	if err == nil {
		return ExitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return ExitUsage
	}
	if _, ok := errors.AsType[noTokenError](err); ok {
		return ExitDenied
	}
	if e, ok := errors.AsType[localError](err); ok {
		return e.exit
	}
	if errors.Is(err, client.ErrUnreachable) {
		return ExitUnavailable
	}
	if errors.Is(err, errUnconfirmed) {
		return ExitUnconfirmed
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		for _, row := range exitTable() {
			if slices.Contains(row.codes, e.Code) {
				return row.exit
			}
		}
	}
	return ExitFailure
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:")
	for _, row := range exitTable() {
		fmt.Fprintf(&b, "\n  %d  %s", row.exit, row.meaning)
	}
	return b.String()
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// Unwrap answers the mistake.
func (e usageError) Unwrap() error { return e.error }

func usage(err error) error { return usageError{err} }

// localError is a refusal of the CLI itself that means what one of the API's
// would.
type localError struct {
	error
	exit int
}

// Unwrap answers the refusal.
func (e localError) Unwrap() error { return e.error }

func notFound(err error) error { return localError{err, ExitNotFound} }

func conflict(format string, args ...any) error {
	return localError{fmt.Errorf(format, args...), ExitConflict}
}

// noTokenError: no admin token was given or found.
type noTokenError struct{ error }

// Unwrap answers the reason.
func (e noTokenError) Unwrap() error { return e.error }

// explained is an error with what to do next.
type explained struct {
	error
	next string
}

// Error is the error and, on a line of its own, what to do next.
func (e explained) Error() string { return e.error.Error() + "\n" + e.next }

// Unwrap answers the error.
func (e explained) Unwrap() error { return e.error }

// explain adds what to do next to errors of which the reason is known.
func explain(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return explained{err, "Name the authority that signed it with --tls-ca, or the name that it bears with --tls-server-name."}
	}
	if errors.Is(err, client.ErrUnreachable) && cutOffAfterTLS(err) {
		return explained{err, "The server refuses the certificate that it was shown, or wants one: see --tls-cert and --tls-key."}
	}
	if errors.Is(err, client.ErrUnreachable) {
		return explained{err, "Is `credence serve` running, and is this its address? See --server and --data-dir."}
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	err = refused{e}
	switch e.Code {
	case "unauthorized":
		return explained{err, "Is the token of this server? See --token-file, CREDENCE_TOKEN and --data-dir."}
	case "too_many_failures":
		return explained{err, "Somebody at your address sends wrong tokens; wait a minute, and look at --token-file and CREDENCE_TOKEN."}
	case "forbidden":
		return explained{err, "Use a token with the role that is needed."}
	case "stale_version":
		return explained{err, "Somebody changed it meanwhile: look at it with show, then try again."}
	case "in_use":
		if namesKeys(e) {
			return explained{err, "`credence keys list` with --plan, --owner or --namespace finds the keys that need it."}
		}
	case "misdirected_request":
		return explained{err, "Start the server with --api-hosts naming the host in --server."}
	}
	return err
}

// whereToLook says of what a command was told to act on, and what is not there,
// which command lists what is.
func whereToLook(cmd *cobra.Command, given []string, err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Code != "not_found" || len(given) == 0 || !strings.Contains(e.Detail, strconv.Quote(given[0])) {
		return err
	}
	for _, sibling := range cmd.Parent().Commands() {
		if sibling.Name() == "list" && sibling != cmd {
			return explained{err, "`" + sibling.CommandPath() + "` shows those that there are."}
		}
	}
	return err
}

// namesKeys reports whether it is keys that need what was to be removed. An
// admin token or a route policy can, too: then the answer says which.
func namesKeys(e *client.Error) bool {
	return slices.ContainsFunc(e.Errors, func(f client.FieldError) bool { return strings.HasPrefix(f.Field, "key_") })
}

// cutOffAfterTLS reports whether a server that speaks TLS was reached and hung
// up. In TLS 1.3 the client is done before the server has judged its
// certificate, so the refusal comes as the alert, or, when something is being
// sent at that moment, as a connection that breaks.
func cutOffAfterTLS(err error) bool {
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return false
	}
	return strings.Contains(err.Error(), "remote error: tls:") ||
		strings.Contains(err.Error(), " at https://") && !errors.Is(err, context.DeadlineExceeded)
}

// refused shows an answer of the API to people: each field on its own line.
type refused struct{ answer *client.Error }

// Error is the detail, then one line for each field.
func (e refused) Error() string {
	var b strings.Builder
	b.WriteString(e.answer.Detail)
	for _, f := range e.answer.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", f.Field, f.Problem)
		if f.Remedy != "" {
			fmt.Fprintf(&b, "; %s", f.Remedy)
		}
	}
	if e.answer.RequestID != "" && e.answer.Status >= 500 {
		fmt.Fprintf(&b, "\n  request id %s finds it in the server's log", e.answer.RequestID)
	}
	return b.String()
}

// Unwrap answers the API's error.
func (e refused) Unwrap() error { return e.answer }
