package api

import (
	"context"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func anomalyOperations() []Operation {
	changed := []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeStaleVersion}
	return []Operation{
		handle(Operation{
			ID: "AnomalyList", Method: http.MethodGet, Path: "/v1/anomalies", Summary: "List findings, newest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, anomalyList),
		handle(Operation{
			ID: "AnomalyShow", Method: http.MethodGet, Path: "/v1/anomalies/{id}", Summary: "Show a finding",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, anomalyShow),
		handle(Operation{
			ID: "AnomalyAcknowledge", Method: http.MethodPost, Path: "/v1/anomalies/{id}/acknowledge",
			Summary: "Say that somebody looks after a finding", Role: store.RoleOperator, Codes: changed,
		}, anomalyAcknowledge),
		handle(Operation{
			ID: "AnomalyResolve", Method: http.MethodPost, Path: "/v1/anomalies/{id}/resolve", Summary: "End a finding",
			Role: store.RoleOperator, Codes: changed,
		}, anomalyResolve),
		handle(Operation{
			ID: "AnomalyUndo", Method: http.MethodPost, Path: "/v1/anomalies/{id}/undo", Summary: "Take back what was done about a finding",
			Role: store.RoleOperator, Codes: append(changed, management.CodeForbidden),
		}, anomalyUndo),
	}
}

func anomalyList(ctx context.Context, c call, in *client.AnomalyListInput) (client.List[client.Anomaly], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.Anomaly]{}, err
	}
	found, err := c.service.AnomalyList(ctx, c.actor, management.AnomalyList{
		Namespace: in.Namespace, KeyID: in.KeyID, Type: in.Type, Severity: in.Severity, State: in.State, All: in.All, Page: page,
	})
	return list(c, found.Items, found.Next, err, wireAnomaly)
}

func anomalyShow(ctx context.Context, c call, in *client.AnomalyShowInput) (client.Anomaly, error) {
	a, err := c.service.AnomalyRead(ctx, c.actor, in.ID)
	return wireAnomaly(a), err
}

func anomalyAcknowledge(ctx context.Context, c call, in *client.AnomalyStateInput) (client.Anomaly, error) {
	a, err := c.service.AnomalyAcknowledge(ctx, c.actor, management.AnomalyChange{ID: in.ID, Note: in.Body.Note})
	return wireAnomaly(a), err
}

func anomalyResolve(ctx context.Context, c call, in *client.AnomalyStateInput) (client.Anomaly, error) {
	a, err := c.service.AnomalyResolve(ctx, c.actor, management.AnomalyChange{ID: in.ID, Note: in.Body.Note})
	return wireAnomaly(a), err
}

func anomalyUndo(ctx context.Context, c call, in *client.AnomalyStateInput) (client.Anomaly, error) {
	a, err := c.service.AnomalyUndo(ctx, c.actor, management.AnomalyChange{ID: in.ID, Note: in.Body.Note})
	return wireAnomaly(a), err
}

func wireAnomaly(a store.Anomaly) client.Anomaly {
	window := ""
	if a.Evidence.Window > 0 {
		window = period(a.Evidence.Window)
	}
	var travel *client.AnomalyTravel
	if j := a.Evidence.Travel; j != nil {
		travel = &client.AnomalyTravel{From: j.From, To: j.To, Kilometers: j.Kilometers, Minutes: j.Minutes}
	}
	return client.Anomaly{
		ID: a.ID, Type: a.Type, Severity: string(a.Severity), State: string(a.State), Namespace: a.Namespace, KeyID: a.KeyID,
		Subject: a.Subject, Message: a.Evidence.Message, Observed: a.Evidence.Observed, Expected: a.Evidence.Expected, Window: window, Travel: travel,
		FirstAt: a.FirstAt, LastAt: a.LastAt, CreatedAt: a.CreatedAt, StateAt: a.StateAt, StateBy: a.StateBy, Note: a.Note,
		Actions: mapped(a.Actions, wireAnomalyAction),
	}
}

func wireAnomalyAction(d store.AnomalyAction) client.AnomalyAction {
	return client.AnomalyAction{
		Action: d.Action, Severity: string(d.Severity), Outcome: d.Outcome, Detail: d.Detail, At: d.At, Share: d.Share,
		RuleID: d.RuleID, Until: d.Until, UndoneAt: d.UndoneAt, UndoneBy: d.UndoneBy,
	}
}
