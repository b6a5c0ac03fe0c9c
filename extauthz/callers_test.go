package extauthz

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"credence/extauthz/pipeline"
	"credence/store/credential"
)

const (
	currentSecret = "current-call-secret-0123456789abcdef"
	formerSecret  = "former-call-secret-0123456789abcdefg"
)

// secretOptions accept the two secrets.
func secretOptions(d decider) Options {
	o := testOptions(d)
	o.CallSecrets = []credential.Text{credential.NewText(currentSecret), credential.NewText(formerSecret)}
	return o
}

// TestCallsWithoutTheSecretFailAndLearnNothing: the RPC fails the same with a
// good key and a bad one, nothing is decided, and nobody can read the secret.
func TestCallsWithoutTheSecretFailAndLearnNothing(t *testing.T) {
	onBoth(t, testCallsWithoutTheSecretFailAndLearnNothing)
}

func testCallsWithoutTheSecretFailAndLearnNothing(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	decided := 0
	o := secretOptions(decideFunc(func(ctx context.Context, r *pipeline.Request, d *pipeline.Decision) {
		decided++
		allowsKey(ctx, r, d)
	}))
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.Now = func() time.Time { return time.Unix(1_800_000_000, 0) } // one moment: one event
	s := serve(t, o)
	conn := dial(t, s.address)
	refused := 0
	for name, c := range map[string]struct {
		sent []string
		want codes.Code
	}{
		"none":             {nil, codes.Unauthenticated},
		"empty":            {[]string{""}, codes.Unauthenticated},
		"wrong":            {[]string{"wrong-call-secret-0123456789abcdefgh"}, codes.Unauthenticated},
		"beginning":        {[]string{currentSecret[:20]}, codes.Unauthenticated},
		"more":             {[]string{currentSecret + "0"}, codes.Unauthenticated},
		"far more":         {[]string{currentSecret + strings.Repeat("0", 4096)}, codes.Unauthenticated},
		"both":             {[]string{currentSecret, formerSecret}, codes.Unauthenticated},
		"right and wrong":  {[]string{currentSecret, "wrong"}, codes.Unauthenticated},
		"the current one":  {[]string{currentSecret}, codes.OK},
		"the one it was":   {[]string{formerSecret}, codes.OK},
		"another alphabet": {[]string{"\t\x7f"}, codes.Unauthenticated},
	} {
		sent := metadata.MD{CallSecretHeader: c.sent}
		reply, err := checkBytes(metadata.NewOutgoingContext(t.Context(), sent), conn, marshal(t, getOrders()))
		got := status.Code(err)
		if name == "another alphabet" && got == codes.Internal { // the client itself does not send it
			continue
		}
		if got != c.want || err != nil && reply != nil {
			t.Errorf("%s: %v, %v", name, reply, err)
		}
		if got == codes.Unauthenticated {
			refused++
			if err.Error() != errStray.Error() {
				t.Errorf("%s: another error: %v", name, err)
			}
		}
	}
	if got := metric(t, s.metrics.strays); int(got) != refused || decided != 2 {
		t.Errorf("%v refusals counted, want %d; %d decisions, want 2", got, refused, decided)
	}
	health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: ServiceName})
	if err != nil || health.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health without the secret: %v, %v", health, err)
	}
	must(t, s.stop())
	text := log.String()
	if strings.Count(text, "calls refused") != 1 || !strings.Contains(text, "peer=127.0.0.1:") {
		t.Errorf("log: %s", text)
	}
	for _, secret := range []string{currentSecret, formerSecret, "wrong-call-secret"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows a secret: %s", text)
		}
	}
}

// TestCallSecretsAreAllCompared: a match at any place counts, none does not.
func TestCallSecretsAreAllCompared(t *testing.T) {
	texts := []credential.Text{credential.NewText("a"), credential.NewText("b"), credential.NewText("c")}
	c := newCallers(texts)
	for sent, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "": false} {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(CallSecretHeader, sent))
		if got := c.know(ctx); got != want {
			t.Errorf("%q: %t", sent, got)
		}
	}
	if !newCallers(nil).know(t.Context()) {
		t.Error("without secrets somebody is refused")
	}
}

// TestCallSecretBudget: one allocation for the secret, none without.
func TestCallSecretBudget(t *testing.T) {
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs(CallSecretHeader, currentSecret))
	for budget, c := range []callers{newCallers(nil), newCallers(secretOptions(decideFunc(allowsKey)).CallSecrets)} {
		if got := testing.AllocsPerRun(1000, func() { c.know(ctx) }); got > float64(budget) {
			t.Errorf("%d secrets: %v allocations, budget %d", len(c.accepted), got, budget)
		}
	}
}

// BenchmarkCallSecret is what the secret costs a Check.
func BenchmarkCallSecret(b *testing.B) {
	c := newCallers([]credential.Text{credential.NewText(currentSecret), credential.NewText(formerSecret)})
	ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs(CallSecretHeader, formerSecret))
	b.ReportAllocs()
	for b.Loop() {
		if !c.know(ctx) {
			b.Fatal("refused")
		}
	}
}
