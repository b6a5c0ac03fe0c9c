package pipeline

import (
	"net/netip"
	"testing"
	"time"

	"credence/store/route"
)

// shelf is stored policies, and the answer to what rules say.
type shelf struct {
	policies map[string]*RoutePolicy
	routed   string // name of the policy that the rules choose
	verdict  route.Verdict
	stale    bool
	asked    [3]string
}

func (s *shelf) Named(name []byte) *RoutePolicy { return s.policies[string(name)] }

func (s *shelf) Routed(host, path, method []byte) (*RoutePolicy, route.Verdict) {
	s.asked = [3]string{string(host), string(path), string(method)}
	return s.policies[s.routed], s.verdict
}

func (s *shelf) Fresh(time.Time) bool { return !s.stale }

// stored gives the world a stored policy "orders" that accepts its key.
func (w *world) stored(change func(p *RoutePolicy)) *shelf {
	p := &RoutePolicy{Name: "orders", Namespaces: []string{"default", "shop"}, Cost: 5}
	if change != nil {
		change(p)
	}
	s := &shelf{policies: map[string]*RoutePolicy{"orders": p}, verdict: route.None}
	w.options.Routes = s
	return s
}

func TestANamedPolicyHolds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *RoutePolicy)
		want   Reason
	}{
		"as it is":           {nil, ReasonAllowed},
		"other namespaces":   {func(p *RoutePolicy) { p.Namespaces = []string{"shop"} }, ReasonNamespaceNotAllowed},
		"scopes that it has": {func(p *RoutePolicy) { p.Scopes = [][]byte{[]byte("orders:read"), []byte("items:x")} }, ReasonAllowed},
		"a scope that it has not": {func(p *RoutePolicy) {
			p.Scopes = [][]byte{[]byte("orders:read"), []byte("orders:write")}
		}, ReasonScopeMissing},
		"its environment":      {func(p *RoutePolicy) { p.Environment = "live" }, ReasonAllowed},
		"another environment":  {func(p *RoutePolicy) { p.Environment = "test" }, ReasonRouteNotAllowed},
		"no namespaces at all": {func(p *RoutePolicy) { p.Namespaces = nil }, ReasonNamespaceNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.key.Limits = []SubjectLimit{{}}
			w.stored(c.change)
			w.extend("credence.policy", "orders")
			w.want(t, c.want)
			if w.decision.Policy != "orders" {
				t.Errorf("the decision names policy %q", w.decision.Policy)
			}
			if c.want == ReasonAllowed && w.limiter.cost != 5 {
				t.Errorf("charged %d", w.limiter.cost)
			}
		})
	}
}

func TestAPolicyThatIsNotStoredDeniesAlsoWhereTheRouteWatches(t *testing.T) {
	for _, name := range []string{"nobody", "Orders", "orders ", "orders,shop", ""} {
		w := newWorld(t)
		w.stored(func(p *RoutePolicy) { p.Shadow, p.Anonymous = true, true })
		w.extend("credence.mode", "shadow", "credence.anonymous", "allow", "credence.policy", name)
		if d := w.decide(t); d.Reason != ReasonBadRoutePolicy || d.Allowed() {
			t.Errorf("%q: %v, allowed %v", name, d.Reason, d.Allowed())
		}
	}
	w := newWorld(t)
	w.extend("credence.policy", "orders") // and no policies at all
	w.want(t, ReasonBadRoutePolicy)
}

// What is said beside the name can only narrow.
func TestTheStricterOfStoredAndDirectHolds(t *testing.T) {
	open := func(p *RoutePolicy) { p.Shadow, p.Anonymous = true, true }
	for name, c := range map[string]struct {
		change    func(p *RoutePolicy)
		say       []string
		want      Reason
		shadow    bool
		anonymous Reason // without a key
		cost      int64
	}{
		"nothing said":            {nil, nil, ReasonAllowed, false, ReasonMissingKey, 5},
		"open and nothing said":   {open, nil, ReasonAllowed, true, ReasonAllowedAnonymous, 5},
		"open, closed directly":   {open, []string{"credence.mode", "enforce", "credence.anonymous", "deny"}, ReasonAllowed, false, ReasonMissingKey, 5},
		"closed, opened directly": {nil, []string{"credence.mode", "shadow", "credence.anonymous", "allow"}, ReasonAllowed, false, ReasonMissingKey, 5},
		"a wider namespace":       {func(p *RoutePolicy) { p.Namespaces = []string{"shop"} }, []string{"credence.namespace", "default,shop"}, ReasonNamespaceNotAllowed, false, ReasonMissingKey, 5},
		"a narrower namespace":    {nil, []string{"credence.namespace", "shop"}, ReasonNamespaceNotAllowed, false, ReasonMissingKey, 5},
		"one more scope":          {nil, []string{"credence.scopes", "orders:write"}, ReasonScopeMissing, false, ReasonMissingKey, 5},
		"fewer scopes": {
			func(p *RoutePolicy) { p.Scopes = [][]byte{[]byte("orders:write")} },
			[]string{"credence.scopes", "orders:read"},
			ReasonScopeMissing, false, ReasonMissingKey, 5,
		},
		"another environment": {func(p *RoutePolicy) { p.Environment = "test" }, []string{"credence.environment", "live"}, ReasonRouteNotAllowed, false, ReasonMissingKey, 5},
		"an environment":      {nil, []string{"credence.environment", "test"}, ReasonRouteNotAllowed, false, ReasonMissingKey, 5},
		"a lower cost":        {nil, []string{"credence.cost", "2"}, ReasonAllowed, false, ReasonMissingKey, 5},
		"a higher cost":       {nil, []string{"credence.cost", "9"}, ReasonAllowed, false, ReasonMissingKey, 9},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.key.Limits = []SubjectLimit{{}}
			w.stored(c.change)
			for _, order := range [][]string{append([]string{"credence.policy", "orders"}, c.say...), append(c.say, "credence.policy", "orders")} {
				w.extend(order...)
				w.want(t, c.want)
				if w.decision.Shadow != c.shadow {
					t.Errorf("shadow %v", w.decision.Shadow)
				}
				if c.want == ReasonAllowed && w.limiter.cost != c.cost {
					t.Errorf("charged %d, want %d", w.limiter.cost, c.cost)
				}
			}
			w.header()
			w.want(t, c.anonymous)
		})
	}
}

func TestRulesDecideWhereTheRouteSaysNothing(t *testing.T) {
	for name, c := range map[string]struct {
		say     []string
		routed  string
		verdict route.Verdict
		want    Reason
		policy  string
	}{
		"a rule":                     {nil, "orders", route.Found, ReasonScopeMissing, "orders"},
		"extensions of others":       {[]string{"tier", "gold"}, "orders", route.Found, ReasonScopeMissing, "orders"},
		"no rule":                    {nil, "", route.None, ReasonAllowed, ""},
		"one word of the route":      {[]string{"credence.cost", "1"}, "orders", route.Found, ReasonAllowed, ""},
		"unclear":                    {nil, "", route.Unclear, ReasonRouteNotAllowed, ""},
		"unclear, and a policy":      {nil, "orders", route.Unclear, ReasonRouteNotAllowed, ""},
		"not read yet":               {nil, "", route.Unknown, ReasonUnavailable, ""},
		"found, and yet there is no": {nil, "", route.Found, ReasonUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.stored(func(p *RoutePolicy) { p.Scopes = [][]byte{[]byte("orders:write")} })
			s.routed, s.verdict = c.routed, c.verdict
			w.extend(c.say...)
			w.want(t, c.want)
			if w.decision.Policy != c.policy {
				t.Errorf("policy %q", w.decision.Policy)
			}
			if c.want == ReasonUnavailable && w.decision.Failure == nil {
				t.Error("nothing says why")
			}
			if c.say == nil && s.asked != [3]string{"api.example.com", "/orders/7?page=2", "GET"} {
				t.Errorf("asked about %q", s.asked)
			}
		})
	}
}

// Headers are the client's: whatever they are called, no policy comes of them.
func TestNoHeaderChoosesAPolicy(t *testing.T) {
	w := newWorld(t)
	s := w.stored(func(p *RoutePolicy) { p.Anonymous = true })
	w.header("credence.policy", "orders", "x-credence-policy", "orders", "credence-policy", "orders", "x-envoy-original-path", "/public",
		"x-forwarded-host", "open.example.com", "x-original-url", "/public", "x-rewrite-url", "/public", "x-http-method-override", "GET")
	w.want(t, ReasonMissingKey)
	if w.decision.Policy != "" || s.asked != [3]string{"api.example.com", "/orders/7?page=2", "GET"} {
		t.Errorf("policy %q, asked about %q", w.decision.Policy, s.asked)
	}
}

// Past the ceiling keys are refused; what an old policy leaves open is too.
func TestPastTheCeilingNoStoredPolicyLeavesARouteOpen(t *testing.T) {
	for name, change := range map[string]func(p *RoutePolicy){
		"anonymous": func(p *RoutePolicy) { p.Anonymous = true },
		"shadow":    func(p *RoutePolicy) { p.Shadow = true },
	} {
		w := newWorld(t)
		w.stored(change).stale = true
		w.extend("credence.policy", "orders")
		w.header()
		if d := w.decide(t); d.Reason != ReasonUnavailable || d.Allowed() || d.Failure == nil {
			t.Errorf("%s: %v, allowed %v", name, d.Reason, d.Allowed())
		}
	}
}

func TestTheBlacklistsOfAllNamespacesOfAPolicyRefuseAnonymousClients(t *testing.T) {
	for _, namespace := range []string{"default", "shop"} {
		w := newWorld(t)
		w.stored(func(p *RoutePolicy) { p.Anonymous = true })
		w.extend("credence.policy", "orders")
		w.header()
		w.want(t, ReasonAllowedAnonymous)
		w.blacklist[namespace] = append(w.blacklist[namespace], netip.PrefixFrom(customer, 32))
		w.want(t, ReasonBlacklisted)
	}
}

func TestAStoredPolicyCostsNoAllocation(t *testing.T) {
	w := newWorld(t)
	s := w.stored(func(p *RoutePolicy) { p.Scopes = [][]byte{[]byte("orders:read")} })
	w.extend("credence.policy", "orders", "credence.cost", "7")
	p := w.pipeline(t)
	named := testing.AllocsPerRun(100, func() { p.Decide(t.Context(), &w.request, &w.decision) })
	w.want(t, ReasonAllowed)
	w.extend()
	s.routed, s.verdict = "orders", route.Found
	plain := testing.AllocsPerRun(100, func() { p.Decide(t.Context(), &w.request, &w.decision) })
	if named > 0 || plain > 3 { // the fake keeps three strings
		t.Errorf("%v allocations by name, %v by rules", named, plain)
	}
}
