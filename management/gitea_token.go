package management

import (
	"context"
	"time"

	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
)

// The use-cases of access tokens of Gitea users. How a token lives is in
// outside.go, and what is Gitea's own about that in outside_gitea.go.

func (s *Service) giteaTokens() keeper { return s.keep(store.SystemGitea) }

// GiteaTokenCreate is the input of [Service.GiteaTokenCreate].
type GiteaTokenCreate struct {
	Connection  string
	Login       string // of the user; one of those of the connection
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

// GiteaTokenCreated is the answer of what makes a token.
type GiteaTokenCreated struct {
	Token    store.OutsideCredential
	Secret   credential.Text // shown this once; empty when Replayed
	Replayed bool            // made by an earlier, equal request
}

func giteaTokenCreated(c outsideCreated, err error) (GiteaTokenCreated, error) {
	return GiteaTokenCreated{Token: c.is, Secret: c.secret, Replayed: c.replayed}, err
}

// GiteaTokenCreate makes an access token of a Gitea user: within the users and
// scopes of the connection, never for a site administrator.
func (s *Service) GiteaTokenCreate(ctx context.Context, a Actor, in GiteaTokenCreate) (GiteaTokenCreated, error) {
	return giteaTokenCreated(s.giteaTokens().make(ctx, a, &outsideCreate{
		connection: in.Connection, login: in.Login, name: in.Name, scopes: in.Scopes, owner: in.Owner, description: in.Description,
		expiresAt: in.ExpiresAt, expiresIn: in.ExpiresIn, rotateEvery: in.RotateEvery, overlap: in.Overlap, idempotency: in.Idempotency,
	}))
}

// GiteaTokenRotate is the input of [Service.GiteaTokenRotate].
type GiteaTokenRotate struct {
	ID      string
	Overlap string // how long the old one lives on; a Go duration, "" as the token says

	Idempotency Idempotency
}

// GiteaTokenRotate makes a token that takes over from another, with the same
// user and scopes. The old one is deleted when the overlap is over.
func (s *Service) GiteaTokenRotate(ctx context.Context, a Actor, in GiteaTokenRotate) (GiteaTokenCreated, error) {
	return giteaTokenCreated(s.giteaTokens().rotate(ctx, a, &outsideRotate{id: in.ID, overlap: in.Overlap, idempotency: in.Idempotency}))
}

// GiteaTokenCollect hands out the secret of a token that took over from another
// by schedule: once, to whoever comes first.
func (s *Service) GiteaTokenCollect(ctx context.Context, a Actor, id string) (GiteaTokenCreated, error) {
	return giteaTokenCreated(s.giteaTokens().collect(ctx, a, id))
}

// GiteaTokenRead reads what is known of one token.
func (s *Service) GiteaTokenRead(ctx context.Context, a Actor, id string) (store.OutsideCredential, error) {
	return s.giteaTokens().read(ctx, s.store, a, id)
}

// GiteaTokenList is the input of [Service.GiteaTokenList].
type GiteaTokenList struct {
	Namespace  string // "" for all that the actor may see
	Connection string // name; "" for all
	Login      string
	Owner      string
	State      string
	Page       PageInput
}

// GiteaTokenPage is a part of the tokens, the oldest first.
type GiteaTokenPage struct {
	Items []store.OutsideCredential
	Next  store.Cursor // "" when nothing follows
}

// GiteaTokenList lists what is known of the tokens that the actor may see.
func (s *Service) GiteaTokenList(ctx context.Context, a Actor, in GiteaTokenList) (GiteaTokenPage, error) {
	items, next, err := s.giteaTokens().list(ctx, a, &outsideList{in.Namespace, in.Connection, in.Login, in.Owner, in.State, in.Page})
	return GiteaTokenPage{Items: items, Next: next}, err
}

// GiteaTokenAdopt is the input of [Service.GiteaTokenAdopt].
type GiteaTokenAdopt struct {
	ID          string
	Owner       string // who answers for it from now on
	Description string
}

// GiteaTokenAdopt accepts a token as it is on the server: one that others made,
// or one that has more scopes than it was given.
func (s *Service) GiteaTokenAdopt(ctx context.Context, a Actor, in GiteaTokenAdopt) (store.OutsideCredential, error) {
	return s.giteaTokens().adopt(ctx, a, &outsideAdopt{in.ID, in.Owner, in.Description})
}

// GiteaTokenDelete deletes a token on the server and here.
func (s *Service) GiteaTokenDelete(ctx context.Context, a Actor, id string) error {
	return s.giteaTokens().delete(ctx, a, id)
}

// GiteaTokenVerified is the answer of [Service.GiteaTokenVerify].
type GiteaTokenVerified struct {
	Token   store.OutsideCredential
	Outcome remote.Outcome
	Why     string // in the words of the server, for global admins only
}

// GiteaTokenVerify tries the secret of a token out.
func (s *Service) GiteaTokenVerify(ctx context.Context, a Actor, id string) (GiteaTokenVerified, error) {
	is, v, err := s.giteaTokens().try(ctx, a, id)
	return GiteaTokenVerified{Token: is, Outcome: v.outcome, Why: v.why}, err
}

// GiteaTokenCompare is the input of [Service.GiteaTokenCompare].
type GiteaTokenCompare struct {
	Connection string
	After      string // Next of the part before; "" begins
}

// GiteaCompared is what a comparison found that was not known before.
type GiteaCompared struct {
	Users  int // that were looked at
	Tokens []store.OutsideCredential
	Next   string // where to go on; "" when all users were looked at
}

// GiteaTokenCompare compares what is known of the tokens of a connection with
// what the server has, for some users at a time, and says where to go on.
func (s *Service) GiteaTokenCompare(ctx context.Context, a Actor, in GiteaTokenCompare) (GiteaCompared, error) {
	out, err := s.giteaTokens().compareNow(ctx, a, in.Connection, in.After)
	return GiteaCompared{Users: out.counted, Tokens: out.found, Next: out.next}, err
}
