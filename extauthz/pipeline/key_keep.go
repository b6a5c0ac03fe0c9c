package pipeline

import "credence/store"

// Revive makes a Key of one that was kept outside of the process: of all
// exported fields, as they are, without the encoded parts. The caller MUST
// know that [NewKey] has made it, of this version of the type: nothing is
// checked again, and a restriction that is missing does not restrict.
func Revive(kept *Key) *Key {
	k := &Key{
		KeyID: kept.KeyID, Namespace: kept.Namespace, Owner: kept.Owner, Plan: kept.Plan, Scopes: kept.Scopes,
		KeyType: kept.KeyType, Status: store.Status(shared(string(kept.Status))),
		Environment: shared(kept.Environment), ExpiresAt: kept.ExpiresAt, Hash: kept.Hash, Foreign: kept.Foreign, Rotated: kept.Rotated,
		Bounds: kept.Bounds, Limits: kept.Limits, Quotas: kept.Quotas,
	}
	for i := range k.Limits {
		l := &k.Limits[i]
		l.Name, l.Label, l.Subject = shared(l.Name), shared(l.Label), k.subject(l.Subject)
	}
	for i := range k.Quotas {
		q := &k.Quotas[i]
		q.Name, q.Label, q.Subject = shared(q.Name), shared(q.Label), k.subject(q.Subject)
	}
	return k
}

// subject is one text for all limits of the key.
func (k *Key) subject(of string) string {
	if of == k.KeyID {
		return k.KeyID
	}
	return shared(of)
}
