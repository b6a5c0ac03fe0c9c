package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store"
)

// Operation is one row of the table.
type Operation struct {
	ID           string // name of the client's method
	Method       string
	Path         string
	Summary      string
	Role         store.Role        // least role that may; "" needs no token at all
	Status       int               // of success
	Codes        []management.Code // that its use-case answers, besides those of every operation
	Creates      bool              // takes an Idempotency-Key
	NeedsIfMatch bool              // is refused without If-Match
	CallsOutside bool              // waits for another program, which takes longer than a store
	Input        reflect.Type      // struct of package client
	Output       reflect.Type      // struct of package client; Nothing for 204

	register func(s *server, op Operation)
}

// Operations is the table.
func Operations() []Operation {
	var all []Operation
	for _, rows := range [][]Operation{
		keyOperations(),
		keyBulkOperations(),
		keyPolicyOperations(),
		planOperations(),
		ownerOperations(),
		namespaceOperations(),
		blacklistOperations(),
		tokenOperations(),
		webhookOperations(),
		deliveryOperations(),
		connectionOperations(),
		giteaTokenOperations(),
		n8nKeyOperations(),
		inventoryOperations(),
		auditOperations(),
		usageOperations(),
		reportOperations(),
		cleanupOperations(),
		anomalyOperations(),
		anomalyPolicyOperations(),
		processOperations(),
	} {
		all = append(all, rows...)
	}
	all = append(all, routePolicyOperations()...)
	return all
}

// call is what a handler gets besides its input.
type call struct {
	service     *management.Service
	ready       func(context.Context) error
	clock       func() time.Time
	operation   string
	actor       management.Actor
	version     int64 // of If-Match; 0 without one
	idempotency management.Idempotency
}

// handle ties a row to the closure that fulfils it.
func handle[I, O any](op Operation, f func(context.Context, call, *I) (O, error)) Operation {
	op.Input, op.Output = reflect.TypeFor[I](), reflect.TypeFor[O]()
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	op.register = func(s *server, op Operation) { register(s, op, f) }
	return op
}

// removeAndWait ties a row that answers nothing (204) unless the caller waits
// for a receipt (200).
func removeAndWait[I, O any](op Operation, f func(context.Context, call, *I) (*O, error)) Operation {
	op.Input, op.Output, op.Status = reflect.TypeFor[I](), reflect.TypeFor[O](), http.StatusNoContent
	op.register = func(s *server, op Operation) { registerOptional(s, op, f) }
	return op
}

// remove ties a row that answers nothing (204).
func remove[I any](op Operation, f func(context.Context, call, *I) error) Operation {
	op.Input, op.Output, op.Status = reflect.TypeFor[I](), reflect.TypeFor[client.Nothing](), http.StatusNoContent
	op.register = func(s *server, op Operation) { registerNothing(s, op, f) }
	return op
}

func keyOperations() []Operation {
	created := []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused}
	changed := []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeKeyRevoked, management.CodeStaleVersion, management.CodeConflict}
	status := func(id, verb, summary string, f func(context.Context, call, *client.KeyStatusInput) (client.KeyChanged, error)) Operation {
		return handle(Operation{
			ID: id, Method: http.MethodPost, Path: "/v1/keys/{key_id}/" + verb,
			Summary: summary, Role: store.RoleOperator, Codes: changed,
		}, f)
	}
	return []Operation{
		handle(Operation{
			ID: "KeyCreate", Method: http.MethodPost, Path: "/v1/keys", Summary: "Make a key and show its text, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true, Codes: created,
		}, keyCreate),
		handle(Operation{
			ID: "KeyList", Method: http.MethodGet, Path: "/v1/keys", Summary: "List keys, newest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, keyList),
		handle(Operation{
			ID: "KeyShow", Method: http.MethodGet, Path: "/v1/keys/{key_id}", Summary: "Show a key",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, keyShow),
		handle(Operation{
			ID: "KeyUpdate", Method: http.MethodPatch, Path: "/v1/keys/{key_id}", Summary: "Change a key (JSON merge patch)",
			Role: store.RoleOperator, NeedsIfMatch: true, Codes: changed,
		}, keyUpdate),
		remove(Operation{
			ID: "KeyPurge", Method: http.MethodDelete, Path: "/v1/keys/{key_id}", Summary: "Erase a revoked or expired key, all but its id",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeNotFound, management.CodeKeyNotPurgeable, management.CodeStaleVersion},
		}, keyPurge),
		status("KeyRevoke", "revoke", "Revoke a key for good", keyRevoke),
		status("KeyDisable", "disable", "Refuse a key until it is enabled again", keyDisable),
		status("KeyEnable", "enable", "Let a disabled or suspended key in again", keyEnable),
		status("KeySuspend", "suspend", "Refuse a key on suspicion until it is enabled again", keySuspend),
		handle(Operation{
			ID: "KeyRotate", Method: http.MethodPost, Path: "/v1/keys/{key_id}/rotate", Summary: "Make a successor of a key and show its text, once",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: append([]management.Code{management.CodeKeyRotated, management.CodeKeyExpired, management.CodeIdempotencyKeyReused}, changed...),
		}, keyRotate),
		handle(Operation{
			ID: "KeyRotation", Method: http.MethodGet, Path: "/v1/keys/{key_id}/rotation", Summary: "Say who still uses a key that was rotated",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, keyRotation),
	}
}

// keyBulkOperations are those on many keys at once.
func keyBulkOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "KeyImport", Method: http.MethodPost, Path: "/v1/keys/import", Summary: "Take over keys that were made elsewhere",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput},
		}, keyImport),
		handle(Operation{
			ID: "KeysRevoke", Method: http.MethodPost, Path: "/v1/keys/revoke", Summary: "Revoke the keys that a filter matches, after a dry run",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict},
		}, keysRevoke),
	}
}

func keyPolicyOperations() []Operation {
	const path = "/v1/key-policies/{key_type}"
	return []Operation{
		handle(Operation{
			ID: "KeyPolicyList", Method: http.MethodGet, Path: "/v1/key-policies", Summary: "List what keys of each type are held to",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, keyPolicyList),
		handle(Operation{
			ID: "KeyPolicyCheck", Method: http.MethodGet, Path: "/v1/key-policies/breaches",
			Summary: "List keys that break the policy of their type, or are to be rotated",
			Role:    store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, keyPolicyCheck),
		handle(Operation{
			ID: "KeyPolicyShow", Method: http.MethodGet, Path: path, Summary: "Show what keys of a type are held to",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, keyPolicyShow),
		handle(Operation{
			ID: "KeyPolicySet", Method: http.MethodPatch, Path: path, Summary: "Change what keys of a type are held to (JSON merge patch)",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeStaleVersion},
		}, keyPolicySet),
		remove(Operation{
			ID: "KeyPolicyReset", Method: http.MethodDelete, Path: path, Summary: "Have a namespace keep to the policy of all again",
			Role: store.RoleAdmin, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeNotFound, management.CodeConflict, management.CodeStaleVersion},
		}, keyPolicyReset),
	}
}

// resource is the five operations on objects that are named within their
// collection.
type resource[C, L, S, U, D, T, X any] struct {
	id, plural, path, item string
	write                  store.Role
	removal                []management.Code // what may stand in the way of the last one, besides those that refer to it
	create                 func(context.Context, call, *C) (T, error)
	list                   func(context.Context, call, *L) (client.List[T], error)
	show                   func(context.Context, call, *S) (T, error)
	update                 func(context.Context, call, *U) (X, error)
	remove                 func(context.Context, call, *D) error
}

func (r resource[C, L, S, U, D, T, X]) rows() []Operation {
	return []Operation{
		handle(Operation{
			ID: r.id + "Create", Method: http.MethodPost, Path: r.path, Summary: "Make " + r.item,
			Role: r.write, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused},
		}, r.create),
		handle(Operation{
			ID: r.id + "List", Method: http.MethodGet, Path: r.path, Summary: "List " + r.plural,
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, r.list),
		handle(Operation{
			ID: r.id + "Show", Method: http.MethodGet, Path: r.path + "/{name}", Summary: "Show " + r.item,
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, r.show),
		handle(Operation{
			ID: r.id + "Update", Method: http.MethodPatch, Path: r.path + "/{name}", Summary: "Change " + r.item + " (JSON merge patch)",
			Role: r.write, NeedsIfMatch: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound, management.CodeStaleVersion},
		}, r.update),
		remove(Operation{
			ID: r.id + "Delete", Method: http.MethodDelete, Path: r.path + "/{name}", Summary: "Delete " + r.item + " that nothing refers to",
			Role: r.write, NeedsIfMatch: true,
			Codes: append([]management.Code{management.CodeNotFound, management.CodeInUse, management.CodeStaleVersion}, r.removal...),
		}, r.remove),
	}
}

func planOperations() []Operation {
	return resource[client.PlanCreateInput, client.PlanListInput, client.PlanShowInput, client.PlanUpdateInput, client.PlanDeleteInput, client.Plan, client.PlanChanged]{
		id: "Plan", plural: "plans, by name", path: "/v1/plans", item: "a plan", write: store.RoleOperator,
		create: planCreate, list: planList, show: planShow, update: planUpdate, remove: planDelete,
	}.rows()
}

func ownerOperations() []Operation {
	return resource[client.OwnerCreateInput, client.OwnerListInput, client.OwnerShowInput, client.OwnerUpdateInput, client.OwnerDeleteInput, client.Owner, client.OwnerChanged]{
		id: "Owner", plural: "owners, by name", path: "/v1/owners", item: "an owner", write: store.RoleOperator,
		create: ownerCreate, list: ownerList, show: ownerShow, update: ownerUpdate, remove: ownerDelete,
	}.rows()
}

func namespaceOperations() []Operation {
	return resource[client.NamespaceCreateInput, client.NamespaceListInput, client.NamespaceShowInput, client.NamespaceUpdateInput, client.NamespaceDeleteInput, client.Namespace, client.Namespace]{
		id: "Namespace", plural: "namespaces, by name", path: "/v1/namespaces", item: "a namespace", write: store.RoleAdmin,
		removal: []management.Code{management.CodeConflict},
		create:  namespaceCreate, list: namespaceList, show: namespaceShow, update: namespaceUpdate, remove: namespaceDelete,
	}.rows()
}

func blacklistOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "BlacklistAdd", Method: http.MethodPost, Path: "/v1/blacklist", Summary: "Refuse the clients of a network",
			Role: store.RoleOperator, Status: http.StatusCreated, Creates: true,
			Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict, management.CodeIdempotencyKeyReused},
		}, blacklistAdd),
		handle(Operation{
			ID: "BlacklistImport", Method: http.MethodPost, Path: "/v1/blacklist/import", Summary: "Refuse the clients of the networks of a list",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeConflict},
		}, blacklistImport),
		handle(Operation{
			ID: "BlacklistRulesRemove", Method: http.MethodPost, Path: "/v1/blacklist/remove", Summary: "End many blacklist rules before their time",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeInvalidInput, management.CodeNotFound},
		}, blacklistRulesRemove),
		handle(Operation{
			ID: "BlacklistList", Method: http.MethodGet, Path: "/v1/blacklist", Summary: "List blacklist rules, oldest first",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, blacklistList),
		handle(Operation{
			ID: "BlacklistShow", Method: http.MethodGet, Path: "/v1/blacklist/{id}", Summary: "Show a blacklist rule",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeNotFound},
		}, blacklistShow),
		removeAndWait(Operation{
			ID: "BlacklistRemove", Method: http.MethodDelete, Path: "/v1/blacklist/{id}", Summary: "End a blacklist rule before its time",
			Role: store.RoleOperator, Codes: []management.Code{management.CodeNotFound, management.CodeInvalidInput},
		}, blacklistRemove),
	}
}

func processOperations() []Operation {
	return []Operation{
		handle(Operation{
			ID: "ReplicaList", Method: http.MethodGet, Path: "/v1/replicas", Summary: "List the replicas of the data plane and how far each has come",
			Role: store.RoleViewer, Codes: []management.Code{management.CodeInvalidInput},
		}, replicaList),
		handle(Operation{
			ID: "Me", Method: http.MethodGet, Path: "/v1/me", Summary: "Say who the caller is and what it may do",
			Role: store.RoleViewer,
		}, me),
		handle(Operation{ID: "Healthz", Method: http.MethodGet, Path: "/healthz", Summary: "Say that the process answers"}, healthz),
		handle(Operation{
			ID: "Readyz", Method: http.MethodGet, Path: "/readyz", Summary: "Say that the process can do its work",
			Codes: []management.Code{management.CodeUnavailable},
		}, readyz),
	}
}
