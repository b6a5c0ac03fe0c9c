package management

import (
	"context"

	"credence/store"
)

// RoutePolicyCreate is the input of [Service.RoutePolicyCreate].
type RoutePolicyCreate struct {
	Name        string   // the id: 1 to 63 of a-z 0-9 -
	Description string   // at most 1024 characters
	Namespaces  []string // whose keys are accepted; default "default"
	Scopes      []string // all demanded
	Environment string   // "" for any
	Cost        int64    // 0 means 1
	Mode        string   // "enforce" or "shadow"; "" means enforce
	Anonymous   string   // "deny" or "allow"; "" means deny

	Hosts   []string // "api.example.com" or "*.example.com"
	Paths   []string // "/a/b" or "/a/*"
	Methods []string

	Idempotency Idempotency
}

// RoutePolicyCreated is the answer of [Service.RoutePolicyCreate].
type RoutePolicyCreated struct {
	Policy   store.RoutePolicy
	Replayed bool           // made by an earlier, equal request
	Position store.Position // of the change; zero when Replayed
}

// RoutePolicyCreate makes a route policy. Only global actors may: the hosts
// and paths of a proxy belong to no namespace.
func (s *Service) RoutePolicyCreate(ctx context.Context, a Actor, in RoutePolicyCreate) (RoutePolicyCreated, error) {
	what := "route policy " + quoted(in.Name)
	if !a.Global() {
		return RoutePolicyCreated{}, globalOnly(what, "created")
	}
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (RoutePolicyCreated, error) {
		switch id, err := t.replayed(ctx, in.Idempotency); {
		case err != nil:
			return RoutePolicyCreated{}, err
		case id != "":
			p, err := readRoutePolicy(ctx, t, a, id)
			return RoutePolicyCreated{Policy: p, Replayed: true}, err
		}
		policy, err := t.newRoutePolicy(ctx, &in)
		if err != nil {
			return RoutePolicyCreated{}, err
		}
		if err := t.roomForPolicy(ctx, &policy); err != nil {
			return RoutePolicyCreated{}, err
		}
		if err := t.InsertRoutePolicy(ctx, policy); err != nil {
			return RoutePolicyCreated{}, err
		}
		t.recordRoutePolicy("route_policy.create", &policy, details{After: routePolicyFacts(&policy)})
		return RoutePolicyCreated{Policy: policy}, t.remember(ctx, in.Idempotency, policy.Name)
	})
	if err != nil {
		return RoutePolicyCreated{}, err
	}
	out.Position = position
	return out, nil
}

// newRoutePolicy checks the input and answers the policy it describes.
func (t *transaction) newRoutePolicy(ctx context.Context, in *RoutePolicyCreate) (store.RoutePolicy, error) {
	p := &problems{now: t.Now()}
	policy := store.RoutePolicy{
		Name: p.policyName(in.Name), Description: p.description(in.Description), Namespaces: p.policyNamespaces(in.Namespaces),
		Scopes: p.demandedScopes(in.Scopes), Environment: p.demandedEnvironment(in.Environment), Cost: p.cost(in.Cost),
		Shadow: p.shadow(in.Mode), Anonymous: p.anonymous(in.Anonymous),
		Hosts: p.hosts(in.Hosts), Paths: p.policyPaths(in.Paths), Methods: p.methods(in.Methods),
		CreatedAt: t.Now(), UpdatedAt: t.Now(), Version: 1,
	}
	if err := t.policyNamespacesExist(ctx, p, policy.Namespaces); err != nil {
		return store.RoutePolicy{}, err
	}
	p.policyRules(&policy)
	p.idempotencyKey(in.Idempotency)
	return policy, p.err("route policy " + quoted(in.Name))
}

func (t *transaction) recordRoutePolicy(action string, p *store.RoutePolicy, d details) {
	t.record("", action, "route_policy:"+p.Name, "", d)
}
