package oidc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"credence/management"
	"credence/management/outgoing"
	"credence/store"
	"credence/test/issuer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is an authenticator that trusts a real issuer.
type office struct {
	*Authenticator

	issuer *issuer.Issuer
	log    *bytes.Buffer

	mu    sync.Mutex
	ahead time.Duration // of the machine's clock
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Now().Add(o.ahead)
}

func (o *office) advance(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ahead += d
}

// adminTokens is the one admin token that there is.
type adminTokens struct{}

func (adminTokens) TokenAuthenticate(_ context.Context, text []byte) (management.Actor, error) {
	if string(text) == "crdadm_right" {
		return management.Actor{ID: "token:tok_1", Role: store.RoleAdmin}, nil
	}
	return management.Actor{}, &management.Error{Code: management.CodeUnauthorized, Message: "admin token: not valid"}
}

// open trusts the issuer with one rule, unless change says otherwise.
func open(t *testing.T, i *issuer.Issuer, change func(*Issuer)) *office {
	t.Helper()
	o := &office{issuer: i, log: &bytes.Buffer{}}
	config := Issuer{
		Name: "test", URL: i.URL, Audiences: []string{"other", "credence"},
		Rules: []Rule{{Match: map[string]any{"groups": "operators"}, Role: store.RoleOperator, Namespaces: []string{"a", "b"}}},
	}
	if change != nil {
		change(&config)
	}
	client := outgoing.NewClient(outgoing.Options{
		Allow: outgoing.Allow{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		TLS:   &tls.Config{RootCAs: i.CA.Pool(), MinVersion: tls.VersionTLS12},
	})
	t.Cleanup(client.CloseIdleConnections)
	a, err := New(Options{
		Issuers: []Issuer{config}, Next: adminTokens{}, HTTP: client, Now: o.now,
		Logger: slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Authenticator = a
	return o
}

func (o *office) ask(t *testing.T, text string) (management.Actor, error) {
	t.Helper()
	return o.TokenAuthenticate(t.Context(), []byte(text))
}

// claims are those of a token that is let in, with changes; nil takes one out.
func (o *office) claims(changes map[string]any) map[string]any {
	now := o.now().Unix()
	c := map[string]any{
		"iss": o.issuer.URL, "sub": "alice", "aud": "credence", "iat": now, "nbf": now, "exp": now + 300, "groups": []string{"operators"},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func code(t *testing.T, err error) management.Code {
	t.Helper()
	e, ok := errors.AsType[*management.Error](err)
	if !ok {
		t.Fatalf("got %v, want an error of management", err)
	}
	return e.Code
}

func operators() issuer.Grant {
	return issuer.Grant{Subject: "alice", Audience: []string{"credence"}, Claims: map[string]any{"groups": []string{"staff", "operators"}}}
}
