package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/management/client"
	"credence/test/harness"
)

// longest is a name of that many characters, no two alike.
func longest(most int) string {
	name := unique("long")
	return name + strings.Repeat("x", most-len(name))
}

// manyLimits are as many limits as one object may have, with the longest names
// there are.
func manyLimits(times int64) []client.Limit {
	var limits []client.Limit
	for i := range 8 {
		limits = append(limits, client.Limit{
			Name: fmt.Sprintf("%s%d", strings.Repeat("n", 62), i), Limit: times, Period: "1h", Burst: times,
		})
	}
	return limits
}

// The largest things that the management API takes still make an answer that
// every release accepts: headers are cut between words or left out, the body
// of a denial stays a whole document below the shipped limit.
func TestTheLargestAnswersAreCleanOnes(t *testing.T) {
	t.Parallel()
	owner, plan := longest(128), longest(128)
	if _, err := shared.api.OwnerCreate(t.Context(), client.OwnerCreateInput{
		Body: client.OwnerCreate{Name: owner, Limits: manyLimits(1)},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := shared.api.PlanCreate(t.Context(), client.PlanCreateInput{
		Body: client.PlanCreate{Name: plan, Limits: manyLimits(1)},
	}); err != nil {
		t.Fatal(err)
	}
	k := shared.newKey(t, func(in *client.KeyCreate) {
		in.Owner, in.Plan, in.Limits = owner, plan, manyLimits(1)
		for i := range 64 {
			in.Scopes = append(in.Scopes, fmt.Sprintf("scope%02d:%s", i, strings.Repeat("s", 120)))
		}
	})
	r := shared.get(t, "/largest", k.header())
	got := r.echoed(t)
	for name, want := range map[string]string{"x-credence-owner": owner, "x-credence-plan": plan, "x-credence-key-id": k.id} {
		if values := got.Values(name); len(values) != 1 || values[0] != want {
			t.Errorf("%s = %q, want %q", name, values, want)
		}
	}
	scopes := strings.Join(got.Values("x-credence-scopes"), "|")
	if len(scopes) == 0 || len(scopes) > 256 {
		t.Errorf("x-credence-scopes has %d characters, want 1 to 256", len(scopes))
	}
	for word := range strings.SplitSeq(scopes, " ") {
		if len(word) != 128 {
			t.Errorf("x-credence-scopes holds %q: a piece of a scope is another scope", word)
		}
	}
	for _, name := range []string{"ratelimit", "ratelimit-policy"} {
		if n := len(r.header.Get(name)); n == 0 || n > 2048 {
			t.Errorf("%s has %d characters, want 1 to 2048", name, n)
		}
	}

	r = shared.get(t, "/largest", k.header())
	r.wantStatus(t, 429)
	wantProblem(t, r, "rate_limited")
	if len(r.body) >= 4096 || !json.Valid([]byte(r.body)) {
		t.Errorf("a body of %d bytes, want a whole document below 4096", len(r.body))
	}
}

// What would break a header or forge a line of a log is refused where it is
// written, field by field, so no answer ever holds it.
func TestNamesThatBreakHeadersAreRefusedAtTheirWriting(t *testing.T) {
	t.Parallel()
	for what, bad := range map[string]string{
		"line break": "a\r\nx-injected: yes", "newline": "a\nb", "zero byte": "a\x00b", "no ASCII": "caf\u00e9", "too long": longest(300),
	} {
		for field, write := range map[string]func() error{
			"owner": func() error {
				_, err := shared.api.OwnerCreate(t.Context(), client.OwnerCreateInput{Body: client.OwnerCreate{Name: bad}})
				return err
			},
			"plan": func() error {
				_, err := shared.api.PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: bad}})
				return err
			},
			"namespace": func() error {
				_, err := shared.api.NamespaceCreate(t.Context(), client.NamespaceCreateInput{Body: client.NamespaceCreate{Name: bad}})
				return err
			},
			"scope": func() error {
				_, err := shared.api.KeyCreate(t.Context(), client.KeyCreateInput{Body: client.KeyCreate{Name: "k", Scopes: []string{bad}}})
				return err
			},
			"limit": func() error {
				_, err := shared.api.KeyCreate(t.Context(), client.KeyCreateInput{
					Body: client.KeyCreate{Name: "k", Limits: []client.Limit{{Name: bad, Limit: 1, Period: "1h"}}},
				})
				return err
			},
		} {
			refused, ok := errors.AsType[*client.Error](write())
			if !ok || refused.Status < 400 || refused.Status > 499 || len(refused.Errors) == 0 {
				t.Errorf("%s in a name of a %s: %v, want a refusal that names the field", what, field, refused)
			}
		}
	}
}

// Envoy counts response headers after our additions where it is told to, which
// 1.37 brought, and then answers 500 although the upstream was called. It is
// off as shipped, and ours are two.
func TestEnforcedResponseLimitsAnswer500AfterTheUpstreamWasCalled(t *testing.T) {
	t.Parallel()
	var many []*corev3.HeaderValueOption
	for i := range 101 {
		many = append(many, pairOfCredence.option(fmt.Sprintf("x-many-%d", i), "v"))
	}
	s := scripted(t, map[string]func() (*authv3.CheckResponse, error){
		"many": allowWith(&authv3.OkHttpResponse{ResponseHeadersToAdd: many}),
		"two":  allowWith(&authv3.OkHttpResponse{ResponseHeadersToAdd: many[:2]}),
	})
	d := scriptedGateway(t, s, func(c *harness.Config) error {
		if err := scriptedGates(c); err != nil {
			return err
		}
		if err := c.CopyListener("enforced"); err != nil {
			return err
		}
		if !accepts(37, 0) {
			return nil
		}
		return c.Add(harness.In("enforced", harness.ExtAuthzPlace+"/enforce_response_header_limits"), true)
	})
	for _, name := range []string{"two", "many"} {
		if got := d.ask(t, "gateway", "/limits", name).status; got != 200 {
			t.Errorf("%s, as shipped: %d, want 200", name, got)
		}
	}
	if got, want := d.ask(t, "enforced", "/limits", "many").status, expected(always(200), from(37, 0, 500)); got != want {
		t.Errorf("101 headers, enforced: %d, want %d", got, want)
	}
	if got := d.ask(t, "enforced", "/limits", "two").status; got != 200 {
		t.Errorf("two headers, enforced: %d, want 200", got)
	}
}
