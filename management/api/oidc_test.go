package api_test

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"credence/management"
	"credence/management/api"
	"credence/management/client"
	"credence/management/oidc"
	"credence/management/outgoing"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
	"credence/test/issuer"
)

// federated is an API that also takes the tokens of a real issuer: the group
// "everywhere-ROLE" has the role everywhere, "a-ROLE" in namespace a.
func federated(t *testing.T, change ...func(*api.Options)) (*deployment, *issuer.Issuer) {
	t.Helper()
	i := issuer.New(t, time.Now())
	allow, err := outgoing.ParseAllow([]string{strings.TrimPrefix(i.URL, "https://")})
	must(t, err)
	reach := outgoing.NewClient(outgoing.Options{Allow: allow, TLS: &tls.Config{RootCAs: i.CA.Pool(), MinVersion: tls.VersionTLS12}})
	t.Cleanup(reach.CloseIdleConnections)
	trusted := oidc.Issuer{Name: "corp", URL: i.URL, Audiences: []string{"credence"}}
	for _, role := range store.Roles() {
		trusted.Rules = append(trusted.Rules,
			oidc.Rule{Match: map[string]any{"groups": "everywhere-" + string(role)}, Role: role, Everywhere: true},
			oidc.Rule{Match: map[string]any{"groups": "a-" + string(role)}, Role: role, Namespaces: []string{"a"}})
	}
	d := deploy(t, append(change, func(o *api.Options) {
		o.Authenticator, err = oidc.New(oidc.Options{
			Issuers: []oidc.Issuer{trusted}, Next: o.Authenticator, HTTP: reach, Now: o.Now, Logger: slog.New(slog.DiscardHandler),
			Registerer: prometheus.NewRegistry(),
		})
		must(t, err)
	})...)
	return d, i
}

// jwt is a token of the issuer, by the clock of the deployment.
func (d *deployment) jwt(t *testing.T, i *issuer.Issuer, subject, group string) string {
	t.Helper()
	now := d.clock.now().Unix()
	return i.Sign(t, nil, map[string]any{
		"iss": i.URL, "sub": subject, "aud": "credence", "iat": now, "exp": now + 300, "groups": []string{group},
	})
}

// TestATokenOfAnIdentityProviderOpensWhatItsRoleOpensAndNothingElse: the same
// table as for admin tokens.
func TestATokenOfAnIdentityProviderOpensWhatItsRoleOpensAndNothingElse(t *testing.T) {
	d, i := federated(t)
	table := documentedRoles(t)
	tokens := map[store.Role]string{}
	for _, role := range store.Roles() {
		tokens[role] = d.jwt(t, i, string(role), "everywhere-"+string(role))
	}
	none := d.jwt(t, i, "mallory", "staff")
	for _, op := range api.Operations() {
		if op.Role == "" {
			continue
		}
		wantProblem(t, d.send(t, op.Method, concrete(op), "{", "Authorization", "Bearer "+none), http.StatusUnauthorized, "unauthorized", "")
		for role, text := range tokens {
			a := d.send(t, op.Method, concrete(op), "{", "Authorization", "Bearer "+text)
			denied := a.status == http.StatusForbidden && a.problem.Code == "forbidden"
			if denied == slices.Contains(table[op.ID], role) || a.status == http.StatusUnauthorized {
				t.Errorf("%s as %s: %d %s; docs/roles.md says %v", op.ID, role, a.status, a.body, table[op.ID])
			}
		}
	}
}

// TestACallerOfAnIdentityProviderIsLimitedAndOnTheRecord: its namespaces, the
// life of what it makes, its name in the audit log.
func TestACallerOfAnIdentityProviderIsLimitedAndOnTheRecord(t *testing.T) {
	d, i := federated(t)
	ctx := t.Context()
	all := d.client(t, d.admin)
	for _, name := range []string{"a", "b"} {
		_, err := all.NamespaceCreate(ctx, client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: name}})
		must(t, err)
	}
	foreign, err := all.KeyCreate(ctx, client.KeyCreateInput{Body: client.KeyCreate{Namespace: "b", Name: "theirs"}})
	must(t, err)
	alice := d.client(t, credential.NewText(d.jwt(t, i, "alice", "a-admin")))
	who, err := alice.Me(ctx, client.MeInput{})
	must(t, err)
	if left := who.ExpiresAt.Sub(d.clock.now()); left <= 0 || left > 301*time.Second {
		t.Errorf("her token ends in %s", left)
	}
	if who.Actor != "oidc:corp:alice" || who.Role != "admin" || !slices.Equal(who.Namespaces, []string{"a"}) {
		t.Errorf("she is %+v", who)
	}
	if a := d.send(t, "GET", "/v1/keys/"+foreign.Key.KeyID, "", "Authorization", "Bearer "+d.jwt(t, i, "alice", "a-admin")); a.status != http.StatusNotFound {
		t.Errorf("a foreign key: %d %s", a.status, a.body)
	}
	if _, err := alice.NamespaceCreate(ctx, client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: "c"}}); err == nil {
		t.Error("she made a namespace, which is of no namespace")
	}
	// What she makes ends with her token, unless the rule says more.
	made, err := alice.TokenCreate(ctx, client.TokenCreateInput{Body: client.TokenCreate{Name: "x", Role: "admin", Namespaces: []string{"a"}}})
	must(t, err)
	if left := made.Token.ExpiresAt.Sub(d.clock.now()); left <= 0 || left > 301*time.Second {
		t.Errorf("her admin token lives for %s", left)
	}
	for title, body := range map[string]client.TokenCreate{
		"longer":     {Name: "x", Role: "viewer", Namespaces: []string{"a"}, ExpiresIn: "1h"},
		"for ever":   {Name: "x", Role: "viewer", Namespaces: []string{"a"}, ExpiresIn: "never"},
		"everywhere": {Name: "x", Role: "viewer"},
		"in b":       {Name: "x", Role: "viewer", Namespaces: []string{"b"}},
	} {
		if _, err := alice.TokenCreate(ctx, client.TokenCreateInput{Body: body}); err == nil {
			t.Errorf("she made an admin token %s", title)
		}
	}
	entries, err := all.AuditList(ctx, client.AuditListInput{Actor: "oidc:corp:alice"})
	must(t, err)
	did := map[string]int{}
	for _, e := range entries.Items {
		did[e.Action]++
	}
	if did["token.create"] != 1 || did["access.denied"] == 0 || len(did) != 2 {
		t.Errorf("on the record: %v", did)
	}
}

// TestTokensOfAnIdentityProviderAreCountedForTheAddress like wrong admin
// tokens; what nobody can judge costs nothing.
func TestTokensOfAnIdentityProviderAreCountedForTheAddress(t *testing.T) {
	d, i := federated(t, func(o *api.Options) {
		o.FailureLimit = &limit.Limit{Name: "f", Limit: 3, Period: time.Minute, Burst: 3}
	})
	const here = "192.0.2.1:1234"
	good := d.jwt(t, i, "alice", "everywhere-viewer")
	d.want(t, http.StatusOK, here, good)
	for n := range 3 {
		d.want(t, http.StatusUnauthorized, here, d.jwt(t, i, fmt.Sprint("mallory", n), "staff"))
	}
	d.want(t, http.StatusTooManyRequests, here, d.jwt(t, i, "mallory4", "staff"))
	d.want(t, http.StatusOK, here, good) // it worked before
	d.clock.advance(6 * time.Minute)
	d.want(t, http.StatusUnauthorized, here, good) // it has ended

	d, i = federated(t, func(o *api.Options) {
		o.FailureLimit = &limit.Limit{Name: "f", Limit: 3, Period: time.Minute, Burst: 3}
	})
	i.Stop()
	for n := range 10 {
		got := d.ask(t, here, d.jwt(t, i, fmt.Sprint("alice", n), "everywhere-viewer"))
		if got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), string(management.CodeIdentityProvider)) || got.Header().Get("Retry-After") == "" {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
	}
	d.want(t, http.StatusOK, here, d.admin.Reveal())
}
