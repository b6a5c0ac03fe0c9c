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
		stream(Operation{
			ID: "AuditExport", Method: http.MethodGet, Path: "/v1/audit/export", Summary: "Export the audit log with what proves it",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeInvalidInput},
		}, auditExport),
		handle(Operation{
			ID: "AuditCheckpointList", Method: http.MethodGet, Path: "/v1/audit/checkpoints", Summary: "List the signed checkpoints of the audit log, oldest first",
			Role: store.RoleAuditor, Codes: []management.Code{management.CodeInvalidInput},
		}, auditCheckpointList),
		handle(Operation{
			ID: "AuditCheckpoint", Method: http.MethodPost, Path: "/v1/audit/checkpoints", Summary: "Sign where the chains of the audit log stand now",
			Role: store.RoleAdmin, Status: http.StatusCreated, Codes: []management.Code{management.CodeNotFound},
		}, auditCheckpoint),
		handle(Operation{
			ID: "AuditAnchorList", Method: http.MethodGet, Path: "/v1/audit/anchors", Summary: "List the places outside that keep checkpoints, and how far each has come",
			Role: store.RoleAuditor,
		}, auditAnchorList),
		handle(Operation{
			ID: "AuditPublicKey", Method: http.MethodGet, Path: "/v1/audit/public-key", Summary: "Show what checkpoints are verified by",
			Role: store.RoleViewer,
		}, auditPublicKey),
	}
}

func auditExport(ctx context.Context, c call, in *client.AuditExportInput) (writes, error) {
	write, err := c.service.AuditExport(ctx, c.actor, management.AuditExport{Namespace: in.Namespace, Global: in.Global, Details: in.Details})
	return write, err
}

func auditCheckpoint(ctx context.Context, c call, in *client.AuditCheckpointInput) (client.List[client.AuditCheckpoint], error) {
	made, err := c.service.AuditCheckpoint(ctx, c.actor, in.Namespace)
	return list(c, made, "", err, wireCheckpoint)
}

func auditCheckpointList(ctx context.Context, c call, in *client.AuditCheckpointListInput) (client.List[client.AuditCheckpoint], error) {
	page, err := c.page(in.PageInput)
	if err != nil {
		return client.List[client.AuditCheckpoint]{}, err
	}
	found, err := c.service.AuditCheckpointList(ctx, c.actor, management.AuditCheckpointList{Namespace: in.Namespace, Global: in.Global, Page: page})
	return list(c, found.Items, found.Next, err, wireCheckpoint)
}

func wireCheckpoint(p store.AuditCheckpoint) client.AuditCheckpoint {
	return client.AuditCheckpoint{
		Namespace: p.Namespace, Sequence: p.Sequence, Kind: string(p.Kind), At: p.At, Hash: hex.EncodeToString(p.Hash[:]),
		Line: management.AuditCheckpointLine(&p),
	}
}

func auditAnchorList(ctx context.Context, c call, _ *client.AuditAnchorListInput) (client.List[client.AuditAnchor], error) {
	found, err := c.service.AuditAnchorList(ctx, c.actor)
	return list(c, found, "", err, func(a store.AuditAnchor) client.AuditAnchor { return client.AuditAnchor(a) })
}

func auditPublicKey(_ context.Context, c call, _ *client.AuditPublicKeyInput) (client.AuditPublicKey, error) {
	keys, err := c.service.AuditPublicKeys()
	return client.AuditPublicKey{PublicKeys: keys}, err
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
