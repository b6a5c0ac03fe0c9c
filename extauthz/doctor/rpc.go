package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"credence/extauthz/pipeline"
	"credence/extauthz/probe"
)

// envoyTimeout is Envoy's default for a Check.
const envoyTimeout = 200 * time.Millisecond

// health asks the health service, as Envoy's health checks do.
func (e *examination) health(ctx context.Context, address string) Finding {
	t := e.at(address)
	conn, err := t.Dial()
	if err != nil {
		return failed("health", err)
	}
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(t.Calling(ctx), &grpc_health_v1.HealthCheckRequest{})
	err = errors.Join(err, conn.Close())
	if status.Code(err) == codes.Unimplemented {
		return Finding{
			Step: "health", Level: Note, Code: "no_health_service", Observed: "the server has no health service",
			Why: "Credence has one, so this is something else, or a proxy before it that does not pass it on.",
		}
	}
	if err != nil {
		return failed("health", err)
	}
	if s := answer.GetStatus(); s != grpc_health_v1.HealthCheckResponse_SERVING {
		return Finding{
			Step: "health", Level: Problem, Code: "not_serving", Observed: "health says " + s.String(),
			Why:    "The process waits for its first snapshot of the database, or drains. Until it serves, every Check is refused with 503.",
			Remedy: "Ask its status port, which says what it waits for: `credence ready --status-addr HOST:9003`. A database that cannot be reached stands in the log.",
		}
	}
	return Finding{Step: "health", Level: OK, Code: "serving", Observed: "health says SERVING"}
}

// failed is an RPC without an answer.
func failed(step string, err error) Finding {
	f := Finding{
		Step: step, Level: Problem, Code: "rpc_failed", Observed: err.Error(),
		Why:    "Envoy counts an error and answers its status_on_error.",
		Remedy: "Look at the server's log.",
	}
	switch status.Code(err) { //nolint:exhaustive // the others say nothing more about the cause
	case codes.DeadlineExceeded:
		f.Code, f.Observed = "rpc_timeout", "connected, but no answer in time"
		f.Remedy = "The process hangs or is overloaded: look at its log, its CPU and credence_checks_in_flight."
	case codes.Unimplemented:
		f.Code, f.Observed = "not_ext_authz", "a gRPC server that knows no Check (envoy.service.auth.v3.Authorization)"
		f.Remedy = "Something else listens there: give the Check address (--check-addr)."
	case codes.Unauthenticated:
		f.Code, f.Observed = "call_secret", "the server does not accept the call secret, or wants one"
		f.Why = "It answers only proxies that prove themselves with a secret (--call-secret-file of the server). An Envoy without it lets nobody through."
		f.Remedy = "Give the file with --call-secret-file, and the same secret to Envoy."
		f.Envoy = envoyStray
	}
	return f
}

// check makes a Check.
func (e *examination) check(ctx context.Context, address string) Finding {
	result, err := probe.Check(ctx, e.at(address), e.Request, e.Now)
	if errors.Is(err, probe.ErrForeign) {
		return Finding{
			Step: "check", Level: Problem, Code: "other_server", Observed: "the Check was answered, but not by Credence",
			Why: "Another authorization service decides about the requests.", Remedy: "Give the address of Credence, here and in Envoy's cluster.",
		}
	}
	if err != nil {
		return failed("check", err)
	}
	f := e.judge(result)
	if f.Level == OK && result.Took > envoyTimeout {
		f.Level, f.Code = Note, "slow"
		f.Observed = fmt.Sprintf("%s; it took %s", f.Observed, result.Took.Round(time.Millisecond))
		f.Why = "Envoy waits 200ms by default, then answers its status_on_error. This one paid for a new connection too."
		f.Remedy = "If it stays so: look at credence_check_duration_seconds, and raise the timeout of Envoy's grpc_service."
	}
	return f
}

// judge says what an answer means.
func (e *examination) judge(r *probe.Result) Finding {
	f := Finding{Step: "check", Level: Problem, Code: "check_" + r.Reason, Observed: "refused: " + r.Reason, Why: probe.Explanation(r.Reason) + "."}
	keyed := !e.Request.Key.Empty()
	switch r.Reason {
	case pipeline.ReasonAllowed.String():
		return Finding{Step: "check", Level: OK, Code: "allowed", Observed: "the key was accepted: " + r.Metadata["key_id"]}
	case pipeline.ReasonAllowedAnonymous.String(), pipeline.ReasonMissingKey.String():
		if !keyed {
			return Finding{Step: "check", Level: OK, Code: "answered", Observed: "answers Checks"}
		}
		f.Remedy = "The server does not look where the key was put: name the header of its --key-sources with --key-header."
	case pipeline.ReasonUnavailable.String(), pipeline.ReasonInternal.String():
		f.Remedy = "Look at the server's log, and whether it reaches its database."
	case pipeline.ReasonBadClientAddress.String():
		f.Level = Note
		f.Remedy = "If --client-source is a header that Envoy sets, say it here too: --header \"x-client-ip: 192.0.2.1\". " +
			"If Envoy's Checks end like this, it does not set the header."
		f.Envoy = envoyClientAddress
	case pipeline.ReasonBlacklisted.String(), pipeline.ReasonAddressLimited.String(), pipeline.ReasonTooManyFailures.String():
		f.Level, f.Remedy = Note, "That was about the address that the Check claimed: name another with --ip."
	default:
		f.Remedy = "`credence check` with the same key explains it stage by stage."
	}
	if keyed { // it was to be allowed
		f.Level, f.Code = Problem, "key_refused"
	}
	return f
}
