package api

import (
	"context"
	"encoding/hex"
	"net/http"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

func auditOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "AuditList", Method: http.MethodGet, Path: "/v1/audit", Summary: "List audit entries, newest first",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeInvalidInput},
		}, auditList),
		handle(Operation{
			ID: "AuditShow", Method: http.MethodGet, Path: "/v1/audit/entries/{id}", Summary: "Show an audit entry",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeNotFound},
		}, auditShow),
	}
}

func auditList(ctx context.Context, c call, in *client.AuditListInput) (client.List[client.AuditEntry], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.AuditEntry]{}, err
	}
	found, err := c.service.AuditList(ctx, c.actor, management.AuditList{
		Namespace: in.Namespace, Global: in.Global, KeyID: in.KeyID, Actor: in.Actor, Action: in.Action, Object: in.Object,
		Since: in.Since, Until: in.Until, Page: page,
	})
	return list(c, found.Items, found.Next, err, wireAudit)
}

func auditShow(ctx context.Context, c call, in *client.AuditShowInput) (client.AuditEntry, error) {
	e, err := c.service.AuditRead(ctx, c.actor, in.ID)
	return wireAudit(e), err
}

func wireAudit(e management.AuditEntry) client.AuditEntry {
	address := ""
	if e.IPAddress.IsValid() {
		address = e.IPAddress.String()
	}
	return client.AuditEntry{
		ID: management.AuditID(&e.AuditEntry), Namespace: e.Namespace, Sequence: e.Sequence, At: e.At, Actor: e.Actor, Action: e.Action,
		Object: e.Object, KeyID: e.KeyID, IPAddress: address, RequestID: e.RequestID, Details: e.Opened, Unread: e.Unreadable,
		Previous: hex.EncodeToString(e.Previous[:]), Hash: hex.EncodeToString(e.Hash[:]),
	}
}
