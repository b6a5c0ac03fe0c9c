package management

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"credence/management/event"
	"credence/management/n8n"
	"credence/store"
)

// N8NKeyCompare compares what is known of the keys of a connection with what
// n8n has, and answers what was not known before.
func (s *Service) N8NKeyCompare(ctx context.Context, a Actor, connection string) ([]store.OutsideCredential, error) {
	what := connectionName(store.ConnectionN8N, connection)
	c, err := readConnection(ctx, s.store, a, store.ConnectionN8N, connection)
	if err != nil {
		return nil, err
	}
	f, err := s.n8nGate(c)
	if err != nil {
		return nil, err
	}
	found, looked, err := s.compareN8N(ctx, a, f)
	if err != nil {
		return nil, s.n8nFailed(ctx, what, a, f, err)
	}
	_, _, err = transact(ctx, s, a, what, func(_ context.Context, t *transaction) (struct{}, error) {
		t.recordConnection("n8n_key.compare", &c, details{After: facts{"keys": looked, "found": len(found)}})
		return struct{}{}, nil
	})
	return found, err
}

// N8NCompareAll compares all connections that are used; a pass calls it. One
// that fails does not keep the others from being looked at.
func (s *Service) N8NCompareAll(ctx context.Context) (found int, err error) {
	page := store.Page{Limit: store.MaxPage} // there are at most maxConnections
	all, _, err := s.store.Connections(ctx, store.ConnectionN8N, nil, page)
	if err != nil || s.n8n == nil {
		return 0, err
	}
	var errs []error
	for i := range all {
		if !all[i].Usable() {
			continue
		}
		n, err := s.compareN8NAgain(ctx, all[i])
		if found += n; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", connectionName(all[i].Kind, all[i].Name), err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return found, errors.Join(errs...)
}

func (s *Service) compareN8NAgain(ctx context.Context, c store.Connection) (found int, err error) {
	f, err := s.n8nGate(c)
	if err != nil {
		return 0, err
	}
	keys, _, err := s.compareN8N(ctx, n8nActor(), f)
	return len(keys), s.calledBack(ctx, &f.connection, err)
}

// compareN8N compares the keys of the account, and answers how many there are.
// What nobody made here is looked for again in a listing that begins after it
// was not known here: the first may be older than its end at our own hands.
func (s *Service) compareN8N(ctx context.Context, a Actor, f *n8nGate) (found []store.OutsideCredential, looked int, err error) {
	var unknown []string
	for range 2 {
		began := s.now()
		there, err := f.List(ctx, f.target)
		if err != nil {
			return found, looked, err
		}
		looked = len(there)
		fresh, strange, err := s.driftOfN8N(ctx, a, &f.connection, began, there, unknown)
		if found = append(found, fresh...); err != nil || len(strange) == 0 {
			return found, looked, err
		}
		unknown = strange
	}
	return found, looked, nil
}

// driftOfN8N compares one listing in one transaction. Of what is not known here
// those become strangers that were unknown before; the others it answers.
func (s *Service) driftOfN8N(ctx context.Context, a Actor, c *store.Connection, began time.Time, there []n8n.Key, unknown []string) (found []store.OutsideCredential, strange []string, err error) {
	_, _, err = transact(ctx, s, a, connectionName(c.Kind, c.Name), func(ctx context.Context, t *transaction) (struct{}, error) {
		d := &n8nDrift{service: s, transaction: t, connection: c, began: began, there: map[string]*n8n.Key{}}
		for i := range there {
			d.there[there[i].ID] = &there[i]
		}
		if err := d.compare(ctx); err != nil {
			return struct{}{}, err
		}
		strange = d.strange()
		err := d.strangers(ctx, slices.DeleteFunc(slices.Clone(strange), func(id string) bool { return !slices.Contains(unknown, id) }))
		found = d.found
		return struct{}{}, err
	})
	return found, strange, err
}

// n8nDrift is one comparison in its transaction.
type n8nDrift struct {
	*transaction

	service    *Service
	connection *store.Connection
	began      time.Time
	there      map[string]*n8n.Key // by id; what is known is taken out
	making     []string            // labels whose fate is found out elsewhere
	found      []store.OutsideCredential
}

func (d *n8nDrift) compare(ctx context.Context) error {
	filter, page := store.OutsideFilter{ConnectionID: d.connection.ID}, store.Page{Limit: store.MaxPage}
	for {
		known, next, err := d.OutsideCredentials(ctx, store.SystemN8N, filter, page)
		if err != nil {
			return err
		}
		for i := range known {
			if err := d.known(ctx, known[i]); err != nil {
				return err
			}
		}
		if page.After = next; next == "" {
			return d.elsewhere(ctx)
		}
	}
}

// known compares one key that is known.
func (d *n8nDrift) known(ctx context.Context, is store.OutsideCredential) error {
	there := d.there[is.RemoteID]
	delete(d.there, is.RemoteID)
	if there != nil {
		is.Seen.ListedAt, is.Seen.ServerScopes, is.Seen.LastUsedAt = d.Now(), there.Scopes, there.LastUsedAt
		if err := d.SetOutsideListed(ctx, store.SystemN8N, is.ID, is.Seen); err != nil {
			return err
		}
	}
	switch is.State {
	case store.OutsideMaking:
		d.making = append(d.making, is.Name)
	case store.OutsideDeleting, store.OutsideRotating:
	case store.OutsideStranger:
		if there == nil {
			d.recordN8NKey("n8n_key.vanish", &is, details{Before: n8nKeyFacts(&is)})
			return d.DeleteOutsideCredential(ctx, store.SystemN8N, is.ID, is.Version)
		}
	case store.OutsideMissing:
		if there != nil { // as after a restored backup
			return d.become(ctx, is, store.OutsideActive, "n8n_key.find", "")
		}
	case store.OutsideActive, store.OutsideWidened:
		switch {
		case there == nil && is.StateAt.Before(d.began): // else it was made meanwhile
			return d.become(ctx, is, store.OutsideMissing, "n8n_key.miss", event.N8NKeyMissing)
		case there != nil && is.State == store.OutsideActive && !within(is.Scopes, there.Scopes):
			if err := d.become(ctx, is, store.OutsideWidened, "n8n_key.widen", event.N8NKeyWidened); err != nil {
				return err
			}
			return d.service.seeCredential(ctx, d.transaction, "credential_widened", store.SeverityHigh, is.Namespace, "n8n_key:"+is.ID,
				fmt.Sprintf("The key %s of the n8n account %s has the scopes %s at n8n, and was given %s.",
					is.Name, is.Login, strings.Join(there.Scopes, ", "), strings.Join(is.Scopes, ", ")))
		}
	}
	return nil
}

// within reports whether the widest hold all of the scopes. Those of n8n hold
// nothing but themselves.
func within(widest, scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(widest, s) })
}

// become changes the state of a key, and tells of it where kind says how.
func (d *n8nDrift) become(ctx context.Context, is store.OutsideCredential, state store.OutsideState, action string, kind event.Type) error {
	before := is
	is.State, is.StateAt = state, d.Now()
	is, err := d.updateN8NKey(ctx, is)
	if err != nil {
		return err
	}
	d.recordN8NKey(action, &is, changedFacts(n8nKeyFacts(&before), n8nKeyFacts(&is)))
	if kind != "" {
		d.tellN8NKey(kind, &is, "")
	}
	d.found = append(d.found, is)
	return nil
}

// elsewhere takes out what is known over other connections to the n8n.
func (d *n8nDrift) elsewhere(ctx context.Context) error {
	if len(d.there) == 0 {
		return nil
	}
	others, err := d.siblings(ctx, d.connection)
	if err != nil {
		return err
	}
	for i := range others {
		filter, page := store.OutsideFilter{ConnectionID: others[i].ID}, store.Page{Limit: store.MaxPage}
		for more := true; more; more = page.After != "" {
			known, next, err := d.OutsideCredentials(ctx, store.SystemN8N, filter, page)
			if err != nil {
				return err
			}
			for j := range known {
				switch known[j].State {
				case store.OutsideStranger: // of both
				case store.OutsideMaking:
					d.making = append(d.making, known[j].Name)
				case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideDeleting, store.OutsideRotating:
					delete(d.there, known[j].RemoteID)
				}
			}
			page.After = next
		}
	}
	return nil
}

// strange are the ids of what is not known here, in their order, bounded.
func (d *n8nDrift) strange() (ids []string) {
	for id, there := range d.there {
		if !slices.Contains(d.making, there.Label) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), maxStrangers)]
}

// strangers writes down what n8n has and nobody made here.
func (d *n8nDrift) strangers(ctx context.Context, ids []string) error {
	for _, id := range ids {
		there := d.there[id]
		own, err := store.NewID(store.SystemN8N.IDPrefix(), d.Now(), d.service.random)
		if err != nil {
			return err
		}
		is := store.OutsideCredential{
			System: store.SystemN8N, ID: own, ConnectionID: d.connection.ID, Namespace: d.connection.Namespace, RemoteID: id, Name: orDefault(there.Label, "(none)"),
			Login: d.connection.Account, UserID: there.UserID, Scopes: there.Scopes, Ending: there.Last4, State: store.OutsideStranger, StateAt: d.Now(),
			ExpiresAt: there.ExpiresAt, Seen: store.OutsideSeen{ListedAt: d.Now(), ServerScopes: there.Scopes, LastUsedAt: there.LastUsedAt},
			CreatedBy: "unknown", CreatedAt: d.Now(), UpdatedAt: d.Now(), Version: 1,
		}
		if err := d.InsertOutsideCredential(ctx, is); err != nil {
			return err
		}
		d.recordN8NKey("n8n_key.see", &is, details{After: n8nKeyFacts(&is)})
		d.tellN8NKey(event.N8NKeyStranger, &is, "")
		d.found = append(d.found, is)
		if err := d.service.seeCredential(ctx, d.transaction, "credential_stranger", store.SeverityMedium, is.Namespace, "n8n_key:"+is.ID,
			fmt.Sprintf("The n8n account %s has the key %s, which was not made here.", is.Login, is.Name)); err != nil {
			return err
		}
	}
	return nil
}
