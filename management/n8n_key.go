package management

import (
	"context"
	"time"

	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// The use-cases of API keys of n8n accounts. How a key lives is in outside.go,
// and what is n8n's own about that in outside_n8n.go.

func (s *Service) n8nKeys() keeper { return s.keep(store.SystemN8N) }

// N8NKeyCreate is the input of [Service.N8NKeyCreate].
type N8NKeyCreate struct {
	Connection  string
	Name        string // gets a random suffix
	Scopes      []string
	Owner       string // who answers for it
	Description string
	ExpiresAt   time.Time // it is deleted then; at most one of the two
	ExpiresIn   string    // a Go duration
	RotateEvery string    // a Go duration; "" for never
	Overlap     string    // a Go duration; "" means 24h

	Idempotency Idempotency
}

// N8NKeyCreated is the answer of what makes a key.
type N8NKeyCreated struct {
	Key      store.OutsideCredential
	Secret   credential.Text // shown this once; empty when Replayed
	Replayed bool            // made by an earlier, equal request
}

func n8nKeyCreated(c outsideCreated, err error) (N8NKeyCreated, error) {
	return N8NKeyCreated{Key: c.is, Secret: c.secret, Replayed: c.replayed}, err
}

// N8NKeyCreate makes an API key for the account of a connection, within its
// scopes.
func (s *Service) N8NKeyCreate(ctx context.Context, a Actor, in N8NKeyCreate) (N8NKeyCreated, error) {
	return n8nKeyCreated(s.n8nKeys().make(ctx, a, &outsideCreate{
		connection: in.Connection, name: in.Name, scopes: in.Scopes, owner: in.Owner, description: in.Description,
		expiresAt: in.ExpiresAt, expiresIn: in.ExpiresIn, rotateEvery: in.RotateEvery, overlap: in.Overlap, idempotency: in.Idempotency,
	}))
}

// N8NKeyRotate is the input of [Service.N8NKeyRotate].
type N8NKeyRotate struct {
	ID      string
	Overlap string // how long the old one lives on; a Go duration, "" as the key says
	// InPlace gives the same key another secret, where the version can: the old
	// one is refused at once.
	InPlace bool

	Idempotency Idempotency
}

// N8NKeyRotate makes a key that takes over from another, with the same scopes,
// or gives the key another secret. The old one is deleted when the overlap is
// over.
func (s *Service) N8NKeyRotate(ctx context.Context, a Actor, in N8NKeyRotate) (N8NKeyCreated, error) {
	return n8nKeyCreated(s.n8nKeys().rotate(ctx, a, &outsideRotate{in.ID, in.Overlap, in.InPlace, in.Idempotency}))
}

// N8NKeyCollect hands out the secret of a key that took over from another by
// schedule: once, to whoever comes first.
func (s *Service) N8NKeyCollect(ctx context.Context, a Actor, id string) (N8NKeyCreated, error) {
	return n8nKeyCreated(s.n8nKeys().collect(ctx, a, id))
}

// N8NKeyRead reads what is known of one key.
func (s *Service) N8NKeyRead(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	return s.n8nKeys().read(ctx, s.store, a, id)
}

// N8NKeyList is the input of [Service.N8NKeyList].
type N8NKeyList struct {
	Namespace  string // "" for all that the actor may see
	Connection string // name; "" for all
	Owner      string
	State      string
	Page       PageInput
}

// N8NKeyPage is a part of the keys, the oldest first.
type N8NKeyPage struct {
	Items []store.OutsideCredential
	Next  store.Cursor // "" when nothing follows
}

// N8NKeyList lists what is known of the keys that the actor may see.
func (s *Service) N8NKeyList(ctx context.Context, a Actor, in N8NKeyList) (N8NKeyPage, error) {
	items, next, err := s.n8nKeys().list(ctx, a, &outsideList{in.Namespace, in.Connection, "", in.Owner, in.State, in.Page})
	return N8NKeyPage{Items: items, Next: next}, err
}

// N8NKeyAdopt is the input of [Service.N8NKeyAdopt].
type N8NKeyAdopt struct {
	ID          string
	Owner       string // who answers for it from now on
	Description string
}

// N8NKeyAdopt accepts a key as it is at n8n: one that others made, or one that
// has more scopes than it was given.
func (s *Service) N8NKeyAdopt(ctx context.Context, a Actor, in N8NKeyAdopt) (store.OutsideCredential, error) {
	return s.n8nKeys().adopt(ctx, a, &outsideAdopt{in.ID, in.Owner, in.Description})
}

// N8NKeyDelete deletes a key at n8n and here.
func (s *Service) N8NKeyDelete(ctx context.Context, a Actor, id string) error {
	return s.n8nKeys().delete(ctx, a, id)
}

// N8NKeyVerified is the answer of [Service.N8NKeyVerify].
type N8NKeyVerified struct {
	Key     store.OutsideCredential
	Outcome remote.Outcome
	Why     string // in the words of n8n, for global admins only
}

// N8NKeyVerify tries the secret of a key out.
func (s *Service) N8NKeyVerify(ctx context.Context, a Actor, id string) (N8NKeyVerified, error) {
	is, v, err := s.n8nKeys().try(ctx, a, id)
	return N8NKeyVerified{Key: is, Outcome: v.outcome, Why: v.why}, err
}

// N8NKeyCompare compares what is known of the keys of a connection with what
// n8n has, and answers what was not known before.
func (s *Service) N8NKeyCompare(ctx context.Context, a Actor, connection string) ([]store.OutsideCredential, error) {
	out, err := s.n8nKeys().compareNow(ctx, a, connection, "")
	return out.found, err
}
