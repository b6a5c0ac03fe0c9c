package pipeline

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

type reasonCase struct {
	stage  Stage
	change func(w *world)
}

// everyReason makes each Reason happen by changing one thing of a request that
// is otherwise allowed.
func everyReason() map[Reason]reasonCase {
	status := func(s store.Status) func(*world) {
		return func(w *world) { w.key.Status = s }
	}
	refuse := func(label string) func(*world) {
		return func(w *world) {
			w.key.Limits = []SubjectLimit{{Label: "per-second"}}
			w.key.Quotas = []SubjectQuota{{Label: "daily"}}
			w.limiter.refuse = map[string]time.Duration{label: time.Minute}
		}
	}
	return map[Reason]reasonCase{
		ReasonAllowed:          {StageLimit, func(*world) {}},
		ReasonAllowedAnonymous: {StageExtract, func(w *world) { w.header(); w.extend("credence.anonymous", "allow") }},
		ReasonBadRequest:       {StageRead, func(w *world) { w.request.Malformed = true }},
		ReasonBadClientAddress: {StageClient, func(w *world) { w.request.PeerKind = PeerInvalid }},
		ReasonBlacklisted:      {StageBlacklist, func(w *world) { w.blacklist.add("", "203.0.113.0/24") }},
		ReasonAddressLimited:   {StageAddressLimit, func(w *world) { w.addresses.wait = time.Second }},
		ReasonBadRoutePolicy:   {StageRead, func(w *world) { w.extend("credence.scope", "orders:read") }},

		ReasonMissingKey:      {StageExtract, func(w *world) { w.header("accept", "*/*") }},
		ReasonAmbiguousKey:    {StageExtract, func(w *world) { w.header("x-api-key", w.text, "authorization", "Bearer "+w.text) }},
		ReasonMalformedKey:    {StageVerify, func(w *world) { w.header("x-api-key", "no key") }},
		ReasonUnknownKey:      {StageVerify, func(w *world) { clear(w.keys.cached) }},
		ReasonTooManyFailures: {StageVerify, func(w *world) { w.uncached(); w.failures.wait = time.Minute }},

		ReasonRevoked:     {StageState, status(store.StatusRevoked)},
		ReasonDisabled:    {StageState, status(store.StatusDisabled)},
		ReasonSuspended:   {StageState, status(store.StatusSuspended)},
		ReasonExpired:     {StageState, func(w *world) { w.key.ExpiresAt = noon.UnixMicro() }},
		ReasonGraceEnded:  {StageState, func(w *world) { w.key.ExpiresAt, w.key.Rotated = noon.UnixMicro(), true }},
		ReasonNotYetValid: {StageState, func(w *world) { w.bounds().NotBefore = noon.Add(1) }},

		ReasonNamespaceNotAllowed: {StageAuthorize, func(w *world) { w.extend("credence.namespace", "shop") }},
		ReasonNetworkNotAllowed: {StageAuthorize, func(w *world) {
			w.bounds().Networks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}},
		ReasonRouteNotAllowed: {StageAuthorize, func(w *world) { w.bounds().Methods = []string{"POST"} }},
		ReasonScopeMissing:    {StageAuthorize, func(w *world) { w.extend("credence.scopes", "orders:write") }},

		ReasonRateLimited:    {StageLimit, refuse("per-second")},
		ReasonQuotaExhausted: {StageLimit, refuse("daily")},

		ReasonUnavailable: {StageVerify, func(w *world) { w.uncached(); w.keys.err = errDown }},
		ReasonInternal:    {StageState, func(w *world) { w.key.Status = "on holiday" }},
	}
}

func TestEveryReasonIsReachable(t *testing.T) {
	cases := everyReason()
	for _, reason := range Reasons() {
		t.Run(reason.String(), func(t *testing.T) {
			c, ok := cases[reason]
			if !ok {
				t.Fatal("no request leads to this reason")
			}
			w := newWorld(t)
			c.change(w)
			d := w.decide(t)
			if d.Reason != reason || d.Stage != c.stage {
				t.Errorf("decided %v at %v, want %v at %v", d.Reason, d.Stage, reason, c.stage)
			}
			if d.Allowed() != (reason == ReasonAllowed || reason == ReasonAllowedAnonymous) {
				t.Errorf("Allowed() = %v", d.Allowed())
			}
		})
	}
}

// Of two faults the one that stands earlier on the path is told.
func TestStagesRunInOrder(t *testing.T) {
	path := []Reason{
		ReasonBadRequest, ReasonBadRoutePolicy, ReasonBadClientAddress, ReasonBlacklisted, ReasonAddressLimited,
		ReasonAmbiguousKey, ReasonRevoked, ReasonNetworkNotAllowed, ReasonRouteNotAllowed, ReasonRateLimited,
	}
	cases := everyReason()
	for i, earlier := range path {
		w := newWorld(t)
		for _, reason := range path[i:] {
			cases[reason].change(w)
		}
		w.want(t, earlier)
	}
}

func TestNothingIsCountedForARequestThatIsRefusedEarlier(t *testing.T) {
	for reason, c := range everyReason() {
		w := newWorld(t)
		w.key.Limits = []SubjectLimit{{Label: "per-second"}}
		c.change(w)
		d := w.decide(t)
		if d.Stage != StageLimit && w.limiter.takes != 0 {
			t.Errorf("%v: limits were charged", reason)
		}
		if (d.Stage == StageBlacklist || d.Stage == StageClient || d.Stage == StageRead) && len(w.addresses.charged) != 0 {
			t.Errorf("%v: the address was charged", reason)
		}
	}
}

func TestPanicOfAPortLeavesADenial(t *testing.T) {
	for _, mode := range []string{"enforce", "shadow"} {
		w := newWorld(t)
		w.keys.panics = true
		w.extend("credence.mode", mode)
		w.decision = Decision{Reason: ReasonAllowed}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			w.decide(t)
		}()
		if w.decision.Reason != ReasonInternal || w.decision.Allowed() {
			t.Errorf("%s: decision left behind: %v", mode, w.decision.Reason)
		}
	}
}

func TestReusedDecisionCarriesNothingOver(t *testing.T) {
	w := newWorld(t)
	w.key.Limits = []SubjectLimit{{Label: "per-second"}}
	w.extend("credence.mode", "shadow")
	w.decide(t)
	w.request.Malformed = true
	d := w.decide(t)
	if d.Shadow || d.Key != nil || d.Client.IsValid() || len(d.Limits) != 0 || d.Credential.Header != "" || d.Source != KeySourceNone {
		t.Errorf("left over: %+v", d)
	}
}

func TestNetworkCheckIsRefused(t *testing.T) {
	w := newWorld(t)
	w.request = Request{Peer: customer, PeerKind: PeerIP} // facts 1.1: no HTTP request in it
	w.want(t, ReasonBadRequest)
}

func TestShadowLetsPassButNotWhatCouldNotBeJudged(t *testing.T) {
	stay := map[Reason]bool{
		ReasonBadRequest: true, ReasonBadRoutePolicy: true, ReasonBadClientAddress: true,
		ReasonBlacklisted: true, ReasonInternal: true,
	}
	for reason, c := range everyReason() {
		w := newWorld(t)
		c.change(w)
		w.request.Extensions = append(w.request.Extensions, fields("credence.mode", "shadow")...)
		d := w.decide(t)
		if d.Reason != reason {
			t.Errorf("%v: shadow changed the reason to %v", reason, d.Reason)
		}
		if d.Allowed() == stay[reason] {
			t.Errorf("%v in shadow: Allowed() = %v", reason, d.Allowed())
		}
	}
}

func TestFailureSaysWhyNothingCouldBeDecided(t *testing.T) {
	w := newWorld(t)
	w.uncached()
	w.keys.err = errDown
	if d := w.decide(t); !errors.Is(d.Failure, errDown) || strings.Contains(d.Failure.Error(), w.text) {
		t.Errorf("failure of the store: %v", d.Failure)
	}
	w = newWorld(t)
	w.key.Limits = []SubjectLimit{{}}
	w.limiter.err = errDown
	if d := w.decide(t); d.Reason != ReasonUnavailable || d.Stage != StageLimit || !errors.Is(d.Failure, errDown) {
		t.Errorf("failure of the limiter: %v at %v: %v", d.Reason, d.Stage, d.Failure)
	}
}

// busy is a world as production has it: limits of key and owner, a quota, a
// route policy, some twenty headers.
func busy(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb)
	r := w.record()
	r.Owner, r.Plan = "shop", "basic"
	r.Limits = []limit.Limit{rate("per-second")}
	r.OwnerLimits = []limit.Limit{rate("per-minute")}
	r.PlanQuotas = []limit.Quota{daily("daily")}
	r.Hosts, r.Paths, r.Methods = []string{"*.example.com"}, []string{"/orders/*"}, []string{"GET", "POST"}
	r.Networks = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	w.key = mustKey(tb, r)
	w.keys.cached[credential.DigestOf([]byte(w.text))] = w.key
	w.extend("credence.namespace", "shop, default", "credence.scopes", "orders:read items:list",
		"credence.cost", "3", "tier", "gold")
	for range 17 {
		w.request.Headers = append(w.request.Headers, fields("x-something-else", "value")...)
	}
	w.request.Headers = append(w.request.Headers, fields("x-forwarded-for", "198.51.100.1, 2001:db8::7, 203.0.113.9")...)
	w.addresses, w.failures = nil, nil
	w.options.Addresses, w.options.Failures = &addressBudget{}, &addressBudget{}
	return w
}

func TestDecideOnACachedKeyAllocatesNothing(t *testing.T) {
	sources := map[string]ClientOptions{
		"peer":     {},
		"header":   {Source: "header:x-real-ip"},
		"hops":     {Source: "xff", TrustedHops: 1},
		"networks": {Source: "xff", TrustedNetworks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
	}
	for name, source := range sources {
		w := busy(t)
		w.options.Client = source
		w.request.Headers = append(w.request.Headers, fields("x-real-ip", "2001:db8::8")...)
		w.key.Bounds = nil
		p := w.pipeline(t)
		ctx := t.Context()
		allocs := testing.AllocsPerRun(100, func() { p.Decide(ctx, &w.request, &w.decision) })
		if w.decision.Reason != ReasonAllowed || len(w.decision.Limits) != 3 {
			t.Fatalf("%s: decided %v with %d limits", name, w.decision.Reason, len(w.decision.Limits))
		}
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
