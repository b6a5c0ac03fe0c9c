package forward

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/extauthz"
	"credence/extauthz/pipeline"
)

// checks decides; *extauthz.Server does.
type checks interface {
	Accepts(ctx context.Context, secrets []string, from string) bool
	Decide(ctx context.Context, fill func(*pipeline.Request)) (extauthz.Answer, error)
	Forges(name []byte) bool
	Ready() extauthz.Part
}

// stored finds route policies; *routes.Policies does.
type stored interface {
	Named(name []byte) *pipeline.RoutePolicy
}

// Options is what a [Handler] needs. All but Policies and Stored are required.
type Options struct {
	Checks     checks // *extauthz.Server
	Policies   Policies
	Stored     stored // finds route policies that are stored; nil where none are
	Logger     *slog.Logger
	Now        func() time.Time
	Registerer prometheus.Registerer
}

// Handler answers subrequests. It is safe for concurrent use.
type Handler struct {
	checks   checks
	ready    func() error
	policies Policies
	stored   stored
	profiles []profile
	answers  *prometheus.CounterVec
	logger   *slog.Logger
	mistakes *mistakes
}

// New makes a Handler. The error names the option and the remedy.
func New(o Options) (*Handler, error) {
	switch {
	case o.Checks == nil:
		return nil, errors.New("forward: option Checks: missing: pass the check server")
	case o.Logger == nil:
		return nil, errors.New("forward: option Logger: missing: pass a *slog.Logger")
	case o.Now == nil:
		return nil, errors.New("forward: option Now: missing: pass time.Now")
	case o.Registerer == nil:
		return nil, errors.New("forward: option Registerer: missing: pass a prometheus registry")
	}
	h := &Handler{
		checks: o.Checks, ready: o.Checks.Ready().Check, policies: o.Policies, stored: o.Stored, profiles: profiles(),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_forward_answers_total",
			Help: "Answers over HTTP, by profile and the status that was sent. They count in credence_checks_total too.",
		}, []string{"profile", "status"}),
		logger: o.Logger, mistakes: &mistakes{now: o.Now},
	}
	return h, o.Registerer.Register(h.answers)
}

// ServeHTTP answers one subrequest. Its body, if any, is not read.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.RequestURI == "/readyz" {
		h.readiness(w)
		return
	}
	e, ok := find(h.profiles, r.RequestURI)
	if !ok {
		if h.mistakes.due() {
			h.logger.LogAttrs(r.Context(), slog.LevelWarn, "unknown endpoint of the forward listener",
				slog.String("use", "/envoy, /auth or /auth-request, and the policy behind it"))
		}
		h.count("none", http.StatusServiceUnavailable)
		deny(w)
		return
	}
	h.count(e.profile.name, h.answer(w, r, &e))
}

// answer is one subrequest to an endpoint: caller > request > decision >
// answer. It tells the status that was sent.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, e *endpoint) int {
	if !h.checks.Accepts(r.Context(), r.Header.Values(extauthz.CallSecretHeader), r.RemoteAddr) {
		w.Header().Set("Connection", "close") // a stray keeps no connection from a proxy
		deny(w)
		return http.StatusServiceUnavailable
	}
	var odd error
	a, err := h.checks.Decide(r.Context(), func(view *pipeline.Request) { odd = h.fill(e, r, view) })
	if odd != nil && h.mistakes.due() {
		h.logger.LogAttrs(r.Context(), slog.LevelWarn, "forward request cannot be read",
			slog.String("profile", e.profile.name), slog.Any("error", odd))
	}
	if err != nil { // counted and logged by whom we asked
		deny(w)
		return http.StatusServiceUnavailable
	}
	return write(w, e.profile, &a)
}

// extensions are what the policy of the endpoint says.
func (h *Handler) extensions(ctx context.Context, e *endpoint) []pipeline.Field {
	fields, written := h.policies.extensions(e.policy)
	known := written || h.stored != nil && h.stored.Named([]byte(e.policy)) != nil
	if !known && h.mistakes.due() {
		h.logger.LogAttrs(ctx, slog.LevelWarn, "unknown policy of the forward listener", slog.String("policy", e.policy))
	}
	return fields
}

// readiness is for the proxy's health checks.
func (h *Handler) readiness(w http.ResponseWriter) {
	if h.ready() != nil {
		deny(w)
		return
	}
	send(w, http.StatusOK, nil)
}

func (h *Handler) count(profile string, status int) {
	h.answers.WithLabelValues(profile, strconv.Itoa(status)).Inc()
}
