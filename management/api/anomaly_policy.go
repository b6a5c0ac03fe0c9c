package api

import (
	"context"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func anomalyPolicyOperations() []Operation {
	const path = "/v1/anomaly-policies"
	changed := []management.Code{management.CodeInvalidInput, management.CodeForbidden, management.CodeStaleVersion}
	return []Operation{
		handle(Operation{
			ID: "AnomalyPolicyShow", Method: http.MethodGet, Path: path, Summary: "Show what detectors compare with, and what is done about what they find",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeForbidden},
		}, anomalyPolicyShow),
		handle(Operation{
			ID: "AnomalyPolicySet", Method: http.MethodPut, Path: path, Summary: "Put another policy in its place",
			Role: store.RoleAdmin, NeedsIfMatch: true, Codes: changed,
		}, anomalyPolicySet),
		remove(Operation{
			ID: "AnomalyPolicyReset", Method: http.MethodDelete, Path: path, Summary: "Bring back the first policy: the defaults, and nothing is done",
			Role: store.RoleAdmin, NeedsIfMatch: true, Codes: changed[1:],
		}, anomalyPolicyReset),
		handle(Operation{
			ID: "AnomalyReplay", Method: http.MethodPost, Path: "/v1/anomalies/replay",
			Summary: "Say what detectors would have found in the past, and had done, by a policy that is to be tried",
			Role:    store.RoleOperator, Codes: changed[:2],
		}, anomalyReplay),
	}
}

func anomalyPolicyShow(ctx context.Context, c call, _ *client.AnomalyPolicyShowInput) (client.AnomalyPolicy, error) {
	p, err := c.service.AnomalyPolicyRead(ctx, c.actor)
	if err != nil {
		return client.AnomalyPolicy{}, err
	}
	return wireAnomalyPolicy(&p), nil
}

func anomalyPolicySet(ctx context.Context, c call, in *client.AnomalyPolicySetInput) (client.AnomalyPolicy, error) {
	p, err := c.service.AnomalyPolicySet(ctx, c.actor, management.AnomalyPolicySet{Policy: anomalyPolicyOf(&in.Body), Version: c.version})
	if err != nil {
		return client.AnomalyPolicy{}, err
	}
	return wireAnomalyPolicy(&p), nil
}

func anomalyPolicyReset(ctx context.Context, c call, _ *client.AnomalyPolicyResetInput) error {
	return c.service.AnomalyPolicyReset(ctx, c.actor, c.version)
}

func anomalyReplay(ctx context.Context, c call, in *client.AnomalyReplayInput) (client.AnomalyReplay, error) {
	ask := management.AnomalyReplay{Since: in.Body.Since, Until: in.Body.Until}
	if in.Body.Policy != nil {
		policy := anomalyPolicyOf(in.Body.Policy)
		ask.Policy = &policy
	}
	r, err := c.service.AnomalyReplay(ctx, c.actor, ask)
	if err != nil {
		return client.AnomalyReplay{}, err
	}
	return client.AnomalyReplay{
		Since: r.Since, Until: r.Until, Items: mapped(r.Items, wireReplayed), Found: r.Found, Happened: r.Happened, Notes: words(r.Notes),
	}, nil
}

func wireReplayed(r management.ReplayedAnomaly) client.ReplayedAnomaly {
	var out client.ReplayedAnomaly
	if h := r.Happened; h != nil {
		out = client.ReplayedAnomaly{
			Type: h.Type, Severity: string(h.Severity), Subject: h.Subject, FirstAt: h.FirstAt, LastAt: h.LastAt, Happened: h.ID,
		}
	}
	if w := r.Would; w != nil {
		out.Type, out.Severity, out.Subject, out.Message = w.Type, string(w.Severity), w.Subject, w.Evidence.Message
		out.FirstAt, out.LastAt, out.Times = w.FirstAt, w.LastAt, w.Times
		out.Would = mapped(w.Actions, wireAnomalyAction)
	}
	if out.Would == nil {
		out.Would = []client.AnomalyAction{}
	}
	if out.Did = []client.AnomalyAction{}; r.Happened != nil {
		out.Did = mapped(r.Happened.Actions, wireAnomalyAction)
	}
	return out
}

func anomalyPolicyOf(b *client.AnomalyPolicyBody) management.AnomalyPolicyDocument {
	p := management.AnomalyPolicyDocument{Thresholds: b.Thresholds, MostPerHour: b.MostPerHour}
	p.Never.Keys, p.Never.Networks, p.Never.Namespaces = b.Never.Keys, b.Never.Networks, b.Never.Namespaces
	for kind, severity := range b.Severities {
		if p.Severities == nil {
			p.Severities = map[string]store.Severity{}
		}
		p.Severities[kind] = store.Severity(severity)
	}
	for _, r := range b.Actions {
		p.Actions = append(p.Actions, management.AnomalyRule{
			Type: r.Type, Severity: store.Severity(r.Severity), Action: r.Action, Share: r.Share, For: r.For,
		})
	}
	return p
}

func wireAnomalyPolicy(p *management.AnomalyPolicy) client.AnomalyPolicy {
	rule := func(r management.AnomalyRule) client.AnomalyRule {
		return client.AnomalyRule{Type: r.Type, Severity: string(r.Severity), Action: r.Action, Share: r.Share, For: r.For}
	}
	never := p.Policy.Never
	severities := make(map[string]string, len(p.Policy.Severities))
	for kind, s := range p.Policy.Severities {
		severities[kind] = string(s)
	}
	return client.AnomalyPolicy{
		AnomalyPolicyBody: client.AnomalyPolicyBody{
			Thresholds: p.Policy.Thresholds, Severities: severities, Actions: mapped(p.Policy.Actions, rule), MostPerHour: p.Policy.MostPerHour,
			Never: client.AnomalyProtected{Keys: never.Keys, Networks: never.Networks, Namespaces: never.Namespaces},
		},
		Rules: mapped(p.Rules, rule), AllNumbers: p.Thresholds, UpdatedAt: p.UpdatedAt, Problem: p.Problem, Version: p.Version,
	}
}
