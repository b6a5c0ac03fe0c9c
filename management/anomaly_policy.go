package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// AnomalyPolicy is what detectors compare with, and what is done about what
// they find.
type AnomalyPolicy struct {
	Policy     AnomalyPolicyDocument
	Rules      []AnomalyRule     // what it means for each type and severity there is
	Thresholds map[string]string // all of them
	UpdatedAt  time.Time
	Version    int64
	// Problem is why this version cannot follow the policy that is stored; "" if
	// it can. Nothing is done about findings then, and detectors compare with the
	// defaults: Rules and Thresholds say so. It can be set again, or reset.
	Problem string
}

// AnomalyPolicyDocument is a policy as it is written; package
// management/anomaly says what it means.
type AnomalyPolicyDocument = anomaly.Policy

// AnomalyRule is a rule of such a policy.
type AnomalyRule = anomaly.Rule

// AnomalyPolicySet is the input of [Service.AnomalyPolicySet].
type AnomalyPolicySet struct {
	Policy  AnomalyPolicyDocument
	Version int64 // of the policy that holds now; required
}

const anomalyPolicyWhat = "anomaly policy"

// ofAllNamespaces refuses who is limited to some: the policy holds everywhere,
// and names keys and namespaces of others.
func ofAllNamespaces(a Actor, what string) error {
	if a.Global() {
		return nil
	}
	return refuse(CodeForbidden, "%s: it is that of all namespaces; use a token that is not limited to some", what)
}

// AnomalyPolicyRead answers the policy; what to do about it, too, when a later
// version has written one that this one does not understand.
func (s *Service) AnomalyPolicyRead(ctx context.Context, a Actor) (AnomalyPolicy, error) {
	if err := ofAllNamespaces(a, anomalyPolicyWhat); err != nil {
		return AnomalyPolicy{}, err
	}
	stored, err := s.store.AnomalyPolicy(ctx)
	if err != nil {
		return AnomalyPolicy{}, failed(anomalyPolicyWhat, err)
	}
	plan, problem := s.plans.Of(stored)
	if problem != nil {
		none := AnomalyPolicyDocument{}
		defaults, _ := none.Check()
		out := anomalyPolicy(none, &defaults, &stored)
		out.Problem = problem.Error()
		return out, nil //nolint:nilerr // it is the answer
	}
	p, err := anomaly.Read(stored.Document)
	return anomalyPolicy(p, plan, &stored), failed(anomalyPolicyWhat, err)
}

func anomalyPolicy(p anomaly.Policy, plan *anomaly.Plan, stored *store.AnomalyPolicy) AnomalyPolicy {
	return AnomalyPolicy{
		Policy: p, Rules: plan.All(), Thresholds: plan.Thresholds.Names(), UpdatedAt: stored.UpdatedAt, Version: stored.Version,
	}
}

// AnomalyPolicySet puts another policy in the place of the one there is.
func (s *Service) AnomalyPolicySet(ctx context.Context, a Actor, in AnomalyPolicySet) (AnomalyPolicy, error) {
	return s.setAnomalyPolicy(ctx, a, in, "anomaly_policy.set")
}

// AnomalyPolicyReset brings back the policy that was there first: the default
// thresholds, and nothing is done.
func (s *Service) AnomalyPolicyReset(ctx context.Context, a Actor, version int64) error {
	_, err := s.setAnomalyPolicy(ctx, a, AnomalyPolicySet{Version: version}, "anomaly_policy.reset")
	return err
}

func (s *Service) setAnomalyPolicy(ctx context.Context, a Actor, in AnomalyPolicySet, action string) (AnomalyPolicy, error) {
	if err := ofAllNamespaces(a, anomalyPolicyWhat); err != nil {
		return AnomalyPolicy{}, err
	}
	plan, err := s.checkNewAnomalyPolicy(&in.Policy)
	if err != nil {
		return AnomalyPolicy{}, err
	}
	document, err := json.Marshal(in.Policy)
	if err != nil {
		return AnomalyPolicy{}, failed(anomalyPolicyWhat, err)
	}
	out, _, err := transact(ctx, s, a, anomalyPolicyWhat, func(ctx context.Context, t *transaction) (AnomalyPolicy, error) {
		before, err := t.AnomalyPolicy(ctx)
		if err != nil {
			return AnomalyPolicy{}, err
		}
		err = errors.Join(requireVersion(anomalyPolicyWhat, in.Version), checkVersion(anomalyPolicyWhat, in.Version, before.Version))
		if err != nil || before.Document == string(document) {
			return anomalyPolicy(in.Policy, &plan, &before), err
		}
		after := store.AnomalyPolicy{Document: string(document), UpdatedAt: t.Now(), Version: before.Version}
		if err := t.UpdateAnomalyPolicy(ctx, after); err != nil {
			return AnomalyPolicy{}, err
		}
		t.record("", action, "anomaly_policy:default", "", details{
			Before: facts{"document": json.RawMessage(before.Document)}, After: facts{"document": json.RawMessage(document)},
		})
		after.Version++
		return anomalyPolicy(in.Policy, &plan, &after), nil
	})
	return out, err
}

// checkAnomalyPolicy answers all that is wrong with a policy at once.
func checkAnomalyPolicy(policy *anomaly.Policy) (anomaly.Plan, error) {
	p := &problems{}
	return p.anomalyPolicy(policy), p.err(anomalyPolicyWhat)
}

func (p *problems) anomalyPolicy(policy *anomaly.Policy) anomaly.Plan {
	plan, wrong := policy.Check()
	for _, w := range wrong {
		p.add(w.Field, w.Problem, w.Remedy)
	}
	return plan
}

// What to do about a client source that nobody has said.
const (
	unsaidSource       = "nobody has said where the client address comes from: behind a load balancer it would be the balancer's"
	unsaidSourceRemedy = "start the control plane with the --client-source of the data plane: peer (Envoy is at the edge), header:NAME or xff"
)

// checkNewAnomalyPolicy refuses as well what this deployment could not do
// without harm.
func (s *Service) checkNewAnomalyPolicy(policy *anomaly.Policy) (anomaly.Plan, error) {
	p := &problems{}
	plan := p.anomalyPolicy(policy)
	for _, r := range plan.Blacklists() {
		if !s.sourceKnown {
			p.add(fmt.Sprintf("actions[%d].action", slices.Index(policy.Actions, r)), "cannot be blacklist: "+unsaidSource, unsaidSourceRemedy)
		}
	}
	return plan, p.err(anomalyPolicyWhat)
}
