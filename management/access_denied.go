package management

import (
	"context"
	"net/netip"
	"time"

	"credence/store"
)

// AccessDenied is an attempt of somebody with a usable token at what they may
// not do.
type AccessDenied struct {
	Actor     Actor
	Operation string
	Message   string // that they were answered
}

// AccessDenied records the attempt. It stands in the chain of the namespace
// that the actor is limited to, where its auditors see it, or, of others, in
// that of what has no namespace.
func (s *Service) AccessDenied(ctx context.Context, in AccessDenied) error {
	a, namespace := in.Actor, ""
	if len(a.Namespaces) == 1 {
		namespace = a.Namespaces[0]
	}
	_, err := s.store.InTx(ctx, func(_ context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{
			Namespace: namespace, Actor: a.ID, Action: "access.denied", Object: "operation:" + in.Operation,
			IPAddress: a.IPAddress, RequestID: a.RequestID, Details: details{After: facts{"role": string(a.Role), "answer": in.Message}},
		})
		return nil
	})
	return failed("record denied attempt", err)
}

// AccessFailed is how often an address came without a usable token, in one
// minute.
type AccessFailed struct {
	Address  netip.Addr // invalid: several addresses together
	From, To time.Time  // the first attempt and the last
	Attempts int64
	Limited  int64 // of them, refused without a look at the token
}

// AccessFailed records such attempts, an entry for each address.
func (s *Service) AccessFailed(ctx context.Context, all []AccessFailed) error {
	_, err := s.store.InTx(ctx, func(_ context.Context, tx *store.Tx) error {
		for i := range all {
			f, object := &all[i], "addresses"
			if f.Address.IsValid() {
				object = "address:" + f.Address.String()
			}
			is := facts{"attempts": f.Attempts}
			is.instant("from", f.From)
			is.instant("to", f.To)
			if f.Limited > 0 {
				is["limited"] = f.Limited
			}
			tx.Audit(store.AuditRecord{Actor: "anonymous", Action: "access.failed", Object: object, IPAddress: f.Address, Details: details{After: is}})
		}
		return nil
	})
	return failed("record failed attempts", err)
}
