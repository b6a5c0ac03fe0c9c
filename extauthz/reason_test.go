package extauthz

import (
	"context"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"credence/extauthz/limiter"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// comingFrom answers the request as if it came from the address.
func comingFrom(address string, m *authv3.CheckRequest) *authv3.CheckRequest {
	m.GetAttributes().GetSource().GetAddress().GetSocketAddress().Address = address
	return m
}

// on answers the request as if its route had the extension.
func on(name, value string, m *authv3.CheckRequest) *authv3.CheckRequest {
	m.GetAttributes().ContextExtensions = map[string]string{name: value}
	return m
}

// failureBudget is how many failed credentials an address of [budgets] has.
const failureBudget = 20

// budgets switches on a failure budget, and an address limit of n requests.
func budgets(tb testing.TB, n int64) func(*pipeline.Options) {
	tb.Helper()
	of := func(n int64) limit.Limit {
		return limit.Limit{Name: "address", Limit: n, Period: time.Hour, Burst: n}
	}
	addresses, err := limiter.NewAddressLimiter(of(n), 0, time.Now)
	must(tb, err)
	failed, err := limiter.NewFailures(of(failureBudget), 0, time.Now)
	must(tb, err)
	return func(o *pipeline.Options) { o.Addresses, o.Failures = addresses, failed }
}

// TestEveryReasonComesOutOfARealCheck: over gRPC, through the parts that
// production has, on a real database. ReasonInternal alone is missing, since
// no request leads to it: TestZeroDecisionIsDenied and, for a panic,
// TestPanicFailsTheRPCWithoutASecret stand for it.
func TestEveryReasonComesOutOfARealCheck(t *testing.T) {
	const addressBudget = 50
	p := newPlane(t, budgets(t, addressBudget))
	good, _ := p.key(nil)
	keyWith := func(edit func(*store.Key)) *authv3.CheckRequest {
		text, _ := p.key(edit)
		return with(text)
	}
	status := func(s store.Status) *authv3.CheckRequest {
		return keyWith(func(k *store.Key) { k.Status = s })
	}
	minted, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	unknown := minted.Reveal()
	p.change(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertBlacklistRule(ctx, store.BlacklistRule{
			ID: store.BlacklistIDPrefix + "00000000000000000000000001", Network: netip.MustParsePrefix("198.51.100.0/24"),
			Reason: "test", CreatedAt: p.now(),
		})
	})
	twoKeys := with(good)
	twoKeys.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"] = "Bearer " + good
	const busy, failing = "192.0.2.1", "192.0.2.2"
	// repeat uses up what the request is counted against.
	repeat := func(m *authv3.CheckRequest, times int) *authv3.CheckRequest {
		for range times {
			_, err := p.check.Check(t.Context(), m)
			must(t, err)
		}
		return m
	}
	requests := map[pipeline.Reason]*authv3.CheckRequest{
		pipeline.ReasonAllowed:          with(good),
		pipeline.ReasonAllowedAnonymous: on("credence.anonymous", "allow", with("")),

		pipeline.ReasonBadRequest:       {Attributes: &authv3.AttributeContext{}},
		pipeline.ReasonBadClientAddress: comingFrom("not an address", with(good)),
		pipeline.ReasonBlacklisted:      comingFrom("198.51.100.7", with(good)),
		pipeline.ReasonAddressLimited:   repeat(comingFrom(busy, with(good)), addressBudget),
		pipeline.ReasonBadRoutePolicy:   on("credence.scope", "orders:read", with(good)),

		pipeline.ReasonMissingKey:      with(""),
		pipeline.ReasonAmbiguousKey:    twoKeys,
		pipeline.ReasonMalformedKey:    with("no key"),
		pipeline.ReasonUnknownKey:      with(unknown),
		pipeline.ReasonTooManyFailures: repeat(comingFrom(failing, with(unknown)), failureBudget),

		pipeline.ReasonRevoked:     status(store.StatusRevoked),
		pipeline.ReasonDisabled:    status(store.StatusDisabled),
		pipeline.ReasonSuspended:   status(store.StatusSuspended),
		pipeline.ReasonExpired:     keyWith(func(k *store.Key) { k.ExpiresAt = p.now() }),
		pipeline.ReasonGraceEnded:  keyWith(func(k *store.Key) { k.GraceEndsAt = p.now() }),
		pipeline.ReasonNotYetValid: keyWith(func(k *store.Key) { k.NotBefore = p.now().Add(time.Hour) }),

		pipeline.ReasonNamespaceNotAllowed: on("credence.namespace", "shop", with(good)),
		pipeline.ReasonNetworkNotAllowed: keyWith(func(k *store.Key) {
			k.Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}),
		pipeline.ReasonRouteNotAllowed: keyWith(func(k *store.Key) { k.Methods = []string{"POST"} }),
		pipeline.ReasonScopeMissing:    on("credence.scopes", "orders:write", with(good)),

		pipeline.ReasonRateLimited: repeat(keyWith(func(k *store.Key) {
			k.Limits = []limit.Limit{{Name: "hourly", Limit: 1, Period: time.Hour, Burst: 1}}
		}), 1),
		pipeline.ReasonQuotaExhausted: repeat(keyWith(func(k *store.Key) {
			k.Quotas = []limit.Quota{{Name: "daily", Limit: 1, Period: limit.QuotaDay}}
		}), 1),
	}
	for reason, request := range requests {
		got, err := p.check.Check(t.Context(), request)
		must(t, err)
		if code, word := got.GetStatus().GetCode(), credenceObject(t, got)["reason"]; code != int32(newRow(reason).status) || word != reason.String() {
			t.Errorf("%d %s, want %d %s", code, word, newRow(reason).status, reason)
		}
	}

	never, _, err := p.secrets.Mint(rand.Reader, "crd", "live")
	must(t, err)
	must(t, p.db.Close())
	requests[pipeline.ReasonUnavailable] = with(never.Reveal())
	p.want("store gone", never.Reveal(), 503, pipeline.ReasonUnavailable)
	for _, reason := range pipeline.Reasons() {
		if requests[reason] == nil && reason != pipeline.ReasonInternal {
			t.Errorf("no Check leads to %s", reason)
		}
	}
}
