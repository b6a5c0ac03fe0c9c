package oidc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"credence/management"
)

// AdminTokens tells who holds an admin token.
type AdminTokens interface {
	TokenAuthenticate(ctx context.Context, text []byte) (management.Actor, error)
}

// Authenticator tells who holds a token, whoever has made it. It is safe for
// concurrent use.
type Authenticator struct {
	next      AdminTokens
	providers map[string]*provider // by URL
	now       func() time.Time
	logger    *slog.Logger
	tokens    *prometheus.CounterVec
	questions *prometheus.CounterVec
}

// provider is one issuer and what is known of it.
type provider struct {
	Issuer
	keys *keys
}

// New makes the authenticator. It asks no issuer: Run does.
func New(o Options) (*Authenticator, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &Authenticator{
		next: o.Next, providers: map[string]*provider{}, now: o.Now, logger: o.Logger,
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_oidc_tokens_total", Help: "Tokens of identity providers by outcome: accepted, refused, undecided.",
		}, []string{"issuer", "outcome"}),
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "credence_oidc_key_reads_total", Help: "Attempts to read the signing keys of an identity provider by outcome: ok, failed.",
		}, []string{"issuer", "outcome"}),
	}
	for _, c := range []prometheus.Collector{a.tokens, a.questions} {
		if err := o.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("oidc: metrics: %w", err)
		}
	}
	for _, issuer := range o.Issuers {
		a.providers[issuer.URL] = &provider{Issuer: issuer, keys: &keys{fetch: a.counted(issuer.Name, discover(o.HTTP, issuer.URL)), now: o.Now}}
	}
	return a, nil
}

// counted counts what comes of asking an issuer.
func (a *Authenticator) counted(issuer string, fetch func(context.Context) ([]jose.JSONWebKey, error)) func(context.Context) ([]jose.JSONWebKey, error) {
	return func(ctx context.Context) ([]jose.JSONWebKey, error) {
		found, err := fetch(ctx)
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		a.questions.WithLabelValues(issuer, outcome).Inc()
		return found, err
	}
}

// Run reads the signing keys of all issuers again and again until ctx ends.
func (a *Authenticator) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range a.providers {
		failing := false
		g.Go(func() error {
			return p.keys.run(ctx, func(err error) {
				attrs := []slog.Attr{slog.String("issuer", p.Name), slog.String("url", p.URL)}
				switch {
				case err != nil && !failing:
					a.logger.LogAttrs(ctx, slog.LevelWarn, "identity provider cannot be asked for its signing keys", append(attrs, slog.String("error", err.Error()))...)
				case err == nil && failing:
					a.logger.LogAttrs(ctx, slog.LevelInfo, "identity provider answers again", attrs...)
				}
				failing = err != nil
			})
		})
	}
	return g.Wait()
}

// Note says in a line what is wrong with which issuer; "" is nothing. The
// process is ready without: admin tokens need no issuer.
func (a *Authenticator) Note() string {
	var notes []string
	for _, p := range a.providers {
		usable, err := p.keys.state()
		switch {
		case !usable && err == nil:
			notes = append(notes, p.Name+": not asked yet")
		case !usable:
			notes = append(notes, p.Name+": its tokens cannot be checked: "+err.Error())
		case err != nil:
			notes = append(notes, p.Name+": goes on with the signing keys at hand: "+err.Error())
		}
	}
	slices.Sort(notes)
	return strings.Join(notes, "; ")
}

// TokenAuthenticate answers who holds the token. What has the form of a JWT is
// judged here, all else by whoever comes next.
func (a *Authenticator) TokenAuthenticate(ctx context.Context, text []byte) (management.Actor, error) {
	if bytes.Count(text, []byte(".")) != 2 {
		return a.next.TokenAuthenticate(ctx, text)
	}
	url, ok := claimedIssuer(string(text))
	p := a.providers[url]
	if !ok || p == nil {
		a.tokens.WithLabelValues("none", "refused").Inc()
		return management.Actor{}, a.refused(ctx, "none", "", "not a JWT of an issuer that is known here, or too long")
	}
	now := a.now()
	v, err := p.verify(ctx, string(text), now)
	switch {
	case errors.Is(err, errNoKeys):
		a.tokens.WithLabelValues(p.Name, "undecided").Inc()
		return management.Actor{}, &management.Error{
			Code:    management.CodeIdentityProvider,
			Message: "the identity provider " + p.Name + " cannot be reached, so its tokens cannot be checked; try again later, or use an admin token",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		a.tokens.WithLabelValues(p.Name, "undecided").Inc()
		return management.Actor{}, err
	case err != nil:
		a.tokens.WithLabelValues(p.Name, "refused").Inc()
		return management.Actor{}, a.refused(ctx, p.Name, "", err.Error())
	}
	return a.actor(ctx, p, v, now)
}

// actor is what the rules make of a token that is in order.
func (a *Authenticator) actor(ctx context.Context, p *provider, v verified, now time.Time) (management.Actor, error) {
	id := "oidc:" + p.Name + ":" + v.subject
	g, why := granted(p.Rules, v.claims)
	if g.rule == nil {
		a.tokens.WithLabelValues(p.Name, "refused").Inc()
		return management.Actor{}, a.refused(ctx, p.Name, id, why)
	}
	a.tokens.WithLabelValues(p.Name, "accepted").Inc()
	until := v.end
	if g.rule.TokenLife > 0 {
		until = now.Add(g.rule.TokenLife)
	}
	return management.Actor{
		ID: id, Role: g.rule.Role, Namespaces: g.namespaces,
		GrantsUntil: until.UTC().Truncate(time.Microsecond), EndsAt: v.end.UTC().Truncate(time.Microsecond),
	}, nil
}

// refused logs the reason, for whoever writes the rules, and answers the same
// for each. How often it can be is bounded by what an address may get wrong.
func (a *Authenticator) refused(ctx context.Context, issuer, actor, why string) error {
	a.logger.LogAttrs(ctx, slog.LevelInfo, "token of an identity provider refused",
		slog.String("issuer", issuer), slog.String("actor", actor), slog.String("reason", why))
	return &management.Error{Code: management.CodeUnauthorized, Message: "token: not valid"}
}
