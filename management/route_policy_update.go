package management

import (
	"context"
	"errors"

	"credence/store"
)

// RoutePolicyUpdate is the input of [Service.RoutePolicyUpdate].
type RoutePolicyUpdate struct {
	Name    string
	Version int64 // that the change is based on; required

	Description Patch[string]
	Namespaces  Patch[[]string]
	Scopes      Patch[[]string]
	Environment Patch[string]
	Cost        Patch[int64]
	Mode        Patch[string]
	Anonymous   Patch[string]
	Hosts       Patch[[]string]
	Paths       Patch[[]string]
	Methods     Patch[[]string]
}

// RoutePolicyChanged is the answer of [Service.RoutePolicyUpdate].
type RoutePolicyChanged struct {
	Policy   store.RoutePolicy
	Changed  bool           // false: it was so already, nothing was recorded
	Position store.Position // of the change; zero without one
}

// RoutePolicyUpdate changes a route policy. The name never changes.
func (s *Service) RoutePolicyUpdate(ctx context.Context, a Actor, in RoutePolicyUpdate) (RoutePolicyChanged, error) {
	what := "route policy " + quoted(in.Name)
	if !a.Global() {
		return RoutePolicyChanged{}, globalOnly(what, "changed")
	}
	out, position, err := transact(ctx, s, a, what, func(ctx context.Context, t *transaction) (RoutePolicyChanged, error) {
		before, err := readRoutePolicy(ctx, t, a, in.Name)
		if err != nil {
			return RoutePolicyChanged{}, err
		}
		if err := errors.Join(requireVersion(what, in.Version), checkVersion(what, in.Version, before.Version)); err != nil {
			return RoutePolicyChanged{}, err
		}
		after, err := t.patchedPolicy(ctx, &in, before)
		if err != nil {
			return RoutePolicyChanged{}, err
		}
		d := changedFacts(routePolicyFacts(&before), routePolicyFacts(&after))
		if d.none() {
			return RoutePolicyChanged{Policy: before}, nil
		}
		if err := t.roomForPolicy(ctx, &after); err != nil {
			return RoutePolicyChanged{}, err
		}
		after.UpdatedAt = t.Now()
		if err := t.UpdateRoutePolicy(ctx, after); err != nil {
			return RoutePolicyChanged{}, err
		}
		after.Version++
		t.recordRoutePolicy("route_policy.update", &after, d)
		return RoutePolicyChanged{Policy: after, Changed: true}, nil
	})
	if err != nil {
		return RoutePolicyChanged{}, err
	}
	out.Position = position
	return out, nil
}

// patchedPolicy answers the policy with the patch applied, all of it checked.
func (t *transaction) patchedPolicy(ctx context.Context, in *RoutePolicyUpdate, after store.RoutePolicy) (store.RoutePolicy, error) {
	p := &problems{}
	patch(&after.Description, in.Description, p.description)
	patch(&after.Namespaces, in.Namespaces, p.policyNamespaces)
	patch(&after.Scopes, in.Scopes, p.demandedScopes)
	patch(&after.Environment, in.Environment, p.demandedEnvironment)
	patch(&after.Cost, in.Cost, p.cost)
	patch(&after.Shadow, in.Mode, p.shadow)
	patch(&after.Anonymous, in.Anonymous, p.anonymous)
	patch(&after.Hosts, in.Hosts, p.hosts)
	patch(&after.Paths, in.Paths, p.policyPaths)
	patch(&after.Methods, in.Methods, p.methods)
	if in.Namespaces.present {
		if err := t.policyNamespacesExist(ctx, p, after.Namespaces); err != nil {
			return store.RoutePolicy{}, err
		}
	}
	p.policyRules(&after)
	return after, p.err("route policy " + quoted(in.Name))
}
