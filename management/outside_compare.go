package management

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// maxStrangers bounds what one comparison writes down of one account.
const maxStrangers = 200

// A request looks at so many accounts, or for so long: each takes several calls
// of a system that is called a few times in a second, and may be slow.
const (
	comparedTogether = 20
	comparedFor      = 20 * time.Second
)

// part bounds what is done of something long. Nil does all of it.
type part struct {
	left  int
	until time.Time
}

// goesOn reports whether one more may be done, and counts it.
func (p *part) goesOn(now time.Time) bool {
	if p == nil {
		return true
	}
	p.left--
	return p.left >= 0 && now.Before(p.until)
}

// outsideCompared is what a comparison found that was not known before.
type outsideCompared struct {
	counted int // see outsideWords.counted
	found   []store.OutsideCredential
	next    string // where to go on; "" when all was looked at
}

// compareNow compares what is known over a connection with what the system has,
// a part at a time, and says where to go on.
func (k keeper) compareNow(ctx context.Context, a Actor, connection, after string) (outsideCompared, error) {
	what := connectionName(k.kind, connection)
	c, err := readConnection(ctx, k.store, a, k.kind, connection)
	if err != nil {
		return outsideCompared{}, err
	}
	if !k.isPlace(after) {
		p := &problems{}
		p.add("after", "is no place in a comparison", "give next of the part before, or leave it out to begin")
		return outsideCompared{}, p.err(what)
	}
	w, err := k.open(c)
	if err != nil {
		return outsideCompared{}, err
	}
	out, err := k.compare(ctx, k, a, w, after, &part{left: comparedTogether, until: k.now().Add(comparedFor)})
	if err != nil {
		return out, k.callFailed(ctx, what, a, w, err)
	}
	_, _, err = transact(ctx, k.Service, a, what, func(_ context.Context, t *transaction) (struct{}, error) {
		t.recordConnection(k.action("compare"), &c, details{After: facts{k.counted: out.counted, "found": len(out.found)}})
		return struct{}{}, nil
	})
	return out, err
}

// compareAll compares all connections that are used; a pass calls it.
func (k keeper) compareAll(ctx context.Context) (found int, err error) {
	err = k.connections(ctx, func(c store.Connection) error {
		w, err := k.open(c)
		if err != nil {
			return err
		}
		out, err := k.compare(ctx, k, k.actor(), w, "", nil)
		found += len(out.found)
		if err != nil {
			return fmt.Errorf("%s: %w", connectionName(c.Kind, c.Name), k.calledBack(ctx, &w.connection, err))
		}
		return nil
	})
	return found, err
}

// outsideListing is what a system has of one account; nothing of one who
// vanished.
type outsideListing struct {
	login string // of the account, as the system writes it
	only  string // what is known of this login is compared; "": of the connection
	there []outsideThere
	began time.Time
}

// outsideThere is a credential as the system lists it.
type outsideThere struct {
	id         string
	name       string
	userID     string
	scopes     []string
	ending     string
	expiresAt  time.Time
	lastUsedAt time.Time
}

// compareAccount compares what an account has, and answers the last listing.
// What nobody made here is looked for again in a listing that begins after it
// was not known here: the first may be older than its end at our own hands. Nil
// is the listing of an account that is left alone.
func (k keeper) compareAccount(ctx context.Context, a Actor, w *way, list func(began time.Time) (*outsideListing, error)) (found []store.OutsideCredential, there *outsideListing, err error) {
	var unknown []string
	for range 2 {
		there, err = list(k.now())
		if err != nil || there == nil {
			return found, there, err
		}
		fresh, strange, err := k.driftOf(ctx, a, w, there, unknown)
		if found = append(found, fresh...); err != nil || len(strange) == 0 {
			return found, there, err
		}
		unknown = strange
	}
	return found, there, nil
}

// driftOf compares one listing in one transaction. Of what is not known here
// those become strangers that were unknown before; the others it answers.
func (k keeper) driftOf(ctx context.Context, a Actor, w *way, listing *outsideListing, unknown []string) (found []store.OutsideCredential, strange []string, err error) {
	_, _, err = transact(ctx, k.Service, a, connectionName(w.connection.Kind, w.connection.Name), func(ctx context.Context, t *transaction) (struct{}, error) {
		d := &drift{keeper: k, t: t, connection: &w.connection, listing: listing, there: map[string]*outsideThere{}}
		for i := range listing.there {
			d.there[listing.there[i].id] = &listing.there[i]
		}
		filter := store.OutsideFilter{ConnectionID: w.connection.ID, Login: listing.only}
		if err := k.pages(ctx, t, filter, func(is *store.OutsideCredential) error { return d.known(ctx, *is) }); err != nil {
			return struct{}{}, err
		}
		if err := d.elsewhere(ctx); err != nil {
			return struct{}{}, err
		}
		strange = d.strange()
		err := d.strangers(ctx, slices.DeleteFunc(slices.Clone(strange), func(id string) bool { return !slices.Contains(unknown, id) }))
		found = d.found
		return struct{}{}, err
	})
	return found, strange, err
}

// drift is one comparison in its transaction.
type drift struct {
	keeper

	t          *transaction
	connection *store.Connection
	listing    *outsideListing
	there      map[string]*outsideThere // by id; what is known is taken out
	making     []string                 // names whose fate is found out elsewhere
	found      []store.OutsideCredential
}

// known compares one credential that is known.
func (d *drift) known(ctx context.Context, is store.OutsideCredential) error {
	there := d.there[is.RemoteID]
	delete(d.there, is.RemoteID)
	if there != nil {
		is.Seen.ListedAt, is.Seen.ServerScopes, is.Seen.LastUsedAt = d.t.Now(), there.scopes, there.lastUsedAt
		if err := d.t.SetOutsideListed(ctx, is.System, is.ID, is.Seen); err != nil {
			return err
		}
	}
	switch is.State {
	case store.OutsideMaking:
		d.making = append(d.making, is.Name)
	case store.OutsideDeleting, store.OutsideRotating:
	case store.OutsideStranger:
		if there == nil {
			d.record(d.t, "vanish", &is, details{Before: d.facts(&is)})
			return d.t.DeleteOutsideCredential(ctx, is.System, is.ID, is.Version)
		}
	case store.OutsideMissing:
		if there != nil { // as after a restored backup
			return d.become(ctx, is, store.OutsideActive, "find", "")
		}
	case store.OutsideActive, store.OutsideWidened:
		switch {
		case there == nil && is.StateAt.Before(d.listing.began): // else it was made meanwhile
			return d.become(ctx, is, store.OutsideMissing, "miss", "missing")
		case there != nil && is.State == store.OutsideActive && !d.within(is.Scopes, there.scopes):
			if err := d.become(ctx, is, store.OutsideWidened, "widen", "widened"); err != nil {
				return err
			}
			return d.seeCredential(ctx, d.t, "credential_widened", store.SeverityHigh, is.Namespace, d.object(&is),
				fmt.Sprintf("The %s %s of the %s %s has the scopes %s %s, and was given %s.",
					d.noun, is.Name, d.holder, is.Login, strings.Join(there.scopes, ", "), d.at, strings.Join(is.Scopes, ", ")))
		}
	}
	return nil
}

// become changes the state of a credential, and tells of it where happened says
// what.
func (d *drift) become(ctx context.Context, is store.OutsideCredential, state store.OutsideState, verb, happened string) error {
	before := is
	is.State, is.StateAt = state, d.t.Now()
	is, err := d.update(ctx, d.t, is)
	if err != nil {
		return err
	}
	d.record(d.t, verb, &is, d.changed(&before, &is))
	if happened != "" {
		d.tell(d.t, happened, &is, "")
	}
	d.found = append(d.found, is)
	return nil
}

// elsewhere takes out what is known over other connections to the system.
func (d *drift) elsewhere(ctx context.Context) error {
	if len(d.there) == 0 {
		return nil
	}
	others, err := d.t.siblings(ctx, d.connection)
	if err != nil {
		return err
	}
	for i := range others {
		err := d.pages(ctx, d.t, store.OutsideFilter{ConnectionID: others[i].ID}, func(is *store.OutsideCredential) error {
			switch is.State {
			case store.OutsideStranger: // of both
			case store.OutsideMaking:
				d.making = append(d.making, is.Name)
			case store.OutsideActive, store.OutsideWidened, store.OutsideMissing, store.OutsideDeleting, store.OutsideRotating:
				delete(d.there, is.RemoteID)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// strange are the ids of what is not known here, in their order, bounded.
func (d *drift) strange() (ids []string) {
	for id, there := range d.there {
		if !slices.Contains(d.making, there.name) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) }) // numbers, too
	return ids[:min(len(ids), maxStrangers)]
}

// strangers writes down what the system has and nobody made here.
func (d *drift) strangers(ctx context.Context, ids []string) error {
	for _, id := range ids {
		there := d.there[id]
		own, err := store.NewID(d.of.IDPrefix(), d.t.Now(), d.random)
		if err != nil {
			return err
		}
		is := store.OutsideCredential{
			System: d.of, ID: own, ConnectionID: d.connection.ID, Namespace: d.connection.Namespace, RemoteID: id, Name: orDefault(there.name, "(none)"),
			Login: d.listing.login, UserID: there.userID, Scopes: there.scopes, Ending: there.ending, State: store.OutsideStranger, StateAt: d.t.Now(),
			ExpiresAt: there.expiresAt, Seen: store.OutsideSeen{ListedAt: d.t.Now(), ServerScopes: there.scopes, LastUsedAt: there.lastUsedAt},
			CreatedBy: "unknown", CreatedAt: d.t.Now(), UpdatedAt: d.t.Now(), Version: 1,
		}
		if err := d.t.InsertOutsideCredential(ctx, is); err != nil {
			return err
		}
		d.record(d.t, "see", &is, details{After: d.facts(&is)})
		d.tell(d.t, "stranger", &is, "")
		d.found = append(d.found, is)
		if err := d.seeCredential(ctx, d.t, "credential_stranger", store.SeverityMedium, is.Namespace, d.object(&is),
			fmt.Sprintf("The %s %s has the %s %s, which was not made here.", d.holder, is.Login, d.noun, is.Name)); err != nil {
			return err
		}
	}
	return nil
}
