package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"credence/management"
	"credence/store"
	"credence/store/credential"
)

type callKey struct{}

// callOf is what guard left for the handler.
func callOf(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

func (c call) now() time.Time { return c.clock() }

// guard judges everything that can be judged before the schema and the
// use-case: token, role, query names, body, If-Match.
func (s *server) guard(op Operation) func(huma.Context, func(huma.Context)) {
	known := queryNames(op.Input)
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		actor, lane, leave, err := s.enterActor(r, op)
		if err != nil {
			s.write(w, r, problemOf(err))
			return
		}
		defer leave()
		c, err := s.admit(w, r, op, actor, known)
		if err != nil {
			s.write(w, r, problemOf(err))
			return
		}
		next(huma.WithValue(huma.WithContext(hc, store.WithLane(hc.Context(), lane)), callKey{}, c))
	}
}

// enterActor answers who asks, nobody where no token is needed, and takes one
// of the tenant's turns. Only then the body is read: who sends it slowly keeps
// nobody else waiting.
func (s *server) enterActor(r *http.Request, op Operation) (actor management.Actor, lane store.Lane, leave func(), err error) {
	if op.Role != "" {
		if actor, err = s.authorize(r, op); err != nil {
			return actor, lane, nil, err
		}
	}
	lane = laneOf(actor, op)
	leave, err = s.turns.take(lane, s.streams[op.ID])
	return actor, lane, leave, err
}

func (s *server) admit(w http.ResponseWriter, r *http.Request, op Operation, actor management.Actor, known []string) (call, error) {
	c := call{service: s.service, ready: s.ready, clock: s.now, operation: op.ID, actor: actor}
	if err := storablePath(r); err != nil {
		return c, err
	}
	if err := queries(r, known); err != nil {
		return c, err
	}
	body, err := s.body(w, r, op)
	if err != nil {
		return c, err
	}
	if c.version, err = version(r, op.NeedsIfMatch); err != nil {
		return c, err
	}
	if op.Creates {
		c.idempotency = idempotency(r, body)
		if err := secretHeader("Idempotency-Key", c.idempotency.Key); err != nil {
			return c, err
		}
	}
	return c, nil
}

// authorize answers who asks, or a refusal that is the same for every token
// that is not usable.
func (s *server) authorize(r *http.Request, op Operation) (management.Actor, error) {
	text, ok := bearer(r)
	if !ok {
		return management.Actor{}, s.denied(r, op, management.Actor{}, management.CodeUnauthorized)
	}
	try, wait := s.failures.begin(peer(r), text)
	if wait > 0 {
		leave, judged := s.beyond.enter(r.Context(), text)
		if !judged {
			return management.Actor{}, s.tooMany(r, op, wait)
		}
		defer leave()
	}
	actor, err := s.authenticate(r, text, try)
	if err != nil {
		if problemOf(err).wire.Status == http.StatusUnauthorized {
			if wait > 0 { // whoever guesses on is told the same, whether it was judged or not
				return management.Actor{}, s.tooMany(r, op, wait)
			}
			return management.Actor{}, s.denied(r, op, management.Actor{}, management.CodeUnauthorized)
		}
		return management.Actor{}, s.refuse(r.Context(), err)
	}
	actor.IPAddress, actor.RequestID = peer(r), requestID(r.Context())
	if !allows(actor.Role, op.Role) {
		return management.Actor{}, s.denied(r, op, actor, management.CodeForbidden)
	}
	return actor, nil
}

// authenticate looks the token up and settles what the attempt was charged,
// whatever comes of it.
func (s *server) authenticate(r *http.Request, text string, try attempt) (actor management.Actor, err error) {
	settle := s.failures.undecided // also when it panics
	defer func() { settle(try) }()
	actor, err = s.authenticator.TokenAuthenticate(r.Context(), []byte(text))
	switch {
	case err == nil:
		settle = s.failures.worked
	case problemOf(err).wire.Status == http.StatusUnauthorized:
		settle = s.failures.failed
	}
	return actor, err
}

// tooMany refuses a token that is no usable one, without looking it up. A flood is counted; the
// failures that led to it are in the log, so it is not logged again at that
// level.
func (s *server) tooMany(r *http.Request, op Operation, wait time.Duration) error {
	s.metrics.denied.WithLabelValues(op.ID, codeTooManyFailures).Inc()
	s.denials.add(peer(r), true)
	s.logger.LogAttrs(r.Context(), slog.LevelDebug, "management request denied",
		slog.String("operation", op.ID), slog.String("code", codeTooManyFailures),
		slog.String("ip_address", peer(r).String()), slog.String("request_id", requestID(r.Context())))
	seconds := int64((min(wait, time.Hour) + time.Second - 1) / time.Second)
	return newProblem(http.StatusTooManyRequests, codeTooManyFailures,
		"too many tokens from your address were not usable; wait, then try again with the right one").
		with("Retry-After", strconv.FormatInt(seconds, 10))
}

// denied makes the refusal, counts it, logs it, and has the audit log tell of
// it: of somebody at once, of anybody folded.
func (s *server) denied(r *http.Request, op Operation, actor management.Actor, code management.Code) error {
	s.metrics.denied.WithLabelValues(op.ID, string(code)).Inc()
	s.logger.LogAttrs(r.Context(), slog.LevelWarn, "management request denied",
		slog.String("operation", op.ID), slog.String("code", string(code)), slog.String("actor", actor.ID),
		slog.String("ip_address", peer(r).String()), slog.String("request_id", requestID(r.Context())))
	if code == management.CodeForbidden {
		message := "role " + string(actor.Role) + " may not do this: it needs " + string(op.Role)
		s.tell(r.Context(), actor, op.ID, message)
		return &management.Error{Code: code, Message: message}
	}
	s.denials.add(peer(r), false)
	return &management.Error{Code: code, Message: "send a usable admin token: Authorization: Bearer crdadm_..."}
}

// tell records a denied attempt before it is answered. It stays denied when
// that cannot be recorded; the log has it, too.
func (s *server) tell(ctx context.Context, actor management.Actor, operation, message string) {
	if err := s.service.AccessDenied(ctx, management.AccessDenied{Actor: actor, Operation: operation, Message: credential.Redact(message)}); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "denied attempt was not recorded in the audit log",
			slog.String("operation", operation), slog.String("actor", actor.ID), slog.String("request_id", requestID(ctx)), slog.Any("error", err))
	}
}

// bearer is the one credential of the request (RFC 6750, section 2.1). Two
// Authorization headers are none: nobody can say which one counts.
func bearer(r *http.Request) (string, bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, text, found := strings.Cut(values[0], " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || text == "" {
		return "", false
	}
	return text, true
}

func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket has no address
	}
	return at.Addr().Unmap().WithZone("")
}

func (s *server) body(w http.ResponseWriter, r *http.Request, op Operation) ([]byte, error) {
	described := s.bodies[op.ID]
	if described == nil {
		return nil, nil
	}
	return readBody(w, r, s.huma.OpenAPI().Components.Schemas, described.Content["application/json"].Schema, described.Required)
}

// idempotency ties the key to the request: method, path and the body with its
// white space and member order taken out.
func idempotency(r *http.Request, body []byte) management.Idempotency {
	name := r.Header.Get("Idempotency-Key")
	if name == "" {
		return management.Idempotency{}
	}
	var value any
	canonical := body
	if json.Unmarshal(body, &value) == nil {
		if sorted, err := json.Marshal(value); err == nil {
			canonical = sorted
		}
	}
	return management.Idempotency{
		Key:         name,
		RequestHash: sha256.Sum256(slices.Concat([]byte(r.Method+"\x00"+r.URL.EscapedPath()+"\x00"), canonical)),
	}
}

// queries refuses parameters that the operation does not know, and those
// given twice: a filter that is silently ignored shows too much.
func queries(r *http.Request, known []string) error {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("query", "is not well-formed", "escape the values (RFC 3986)")
	}
	for name, values := range given {
		if !slices.Contains(known, name) {
			remedy := "leave it out; there are none here"
			if len(known) > 0 {
				remedy = "leave it out; known are " + strings.Join(known, ", ")
			}
			return malformed(short(name), "is not a query parameter here", remedy)
		}
		if len(values) > 1 {
			return malformed(name, "is given more than once", "give it once")
		}
		if !storable(values[0]) {
			return malformed(name, unstorableProblem, unstorableRemedy)
		}
	}
	return nil
}

func queryNames(input reflect.Type) []string {
	var known []string
	for field := range input.Fields() {
		if field.Anonymous {
			known = append(known, queryNames(field.Type)...)
		}
		if name, ok := field.Tag.Lookup("query"); ok {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return known
}
