package gitea

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"credence/management/remote"
	"credence/store/credential"
)

const (
	rate     = 5   // calls in a second to one server
	pageSize = 50  // the most that a server gives by default
	maxPages = 200 // of one list
)

// Client calls Gitea servers. It is safe for concurrent use.
type Client struct {
	remote *remote.Client
	now    func() time.Time
	turns  remote.Turns // of creates, by server and user

	mu  sync.Mutex
	old map[string]time.Time // servers that have no GET /token, and when that was seen
}

// New makes a client. The rate of o is set here.
func New(o remote.Options) (*Client, error) {
	o.Rate = rate
	r, err := remote.New(o)
	if err != nil {
		return nil, err
	}
	return &Client{remote: r, now: o.Now, old: map[string]time.Time{}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.remote.Close() }

// Token is an access token as the server lists it, without its secret.
type Token struct {
	ID         int64
	Name       string
	Scopes     []string // canonical
	LastEight  string   // of the secret
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never, or the server does not say
}

// Created is a new token.
type Created struct {
	Token

	Secret credential.Text // nobody can read it again
}

// Account is a user of the server.
type Account struct {
	ID     int64
	Login  string
	Admin  bool // a site administrator
	Person bool // not an organisation, a bot or a remote user
}

// do makes a call as the account of the connection.
func (c *Client) do(ctx context.Context, t *remote.Target, method string, path []string, query url.Values, body any) (remote.Answer, error) {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(t.Account, t.Secret.Reveal())
	a, err := c.remote.Do(ctx, t, remote.Request{
		Method: method, Path: append([]string{"api", "v1"}, path...), Query: query, Header: r.Header, Body: body,
	})
	if err != nil {
		return a, err
	}
	return a, judge(t, &a, method)
}

func (c *Client) get(ctx context.Context, t *remote.Target, query url.Values, into any, path ...string) (remote.Answer, error) {
	a, err := c.do(ctx, t, http.MethodGet, path, query, nil)
	if err == nil {
		err = a.Decode(into)
	}
	return a, err
}

// wireToken is a token in an answer.
type wireToken struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Secret    string    `json:"sha1"` // no hash, whatever it is called
	LastEight string    `json:"token_last_eight"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used_at"`
}

func (w *wireToken) token() Token {
	// What others wrote is kept within bounds; that it is there is not lost.
	known := slices.Clone(w.Scopes)
	for i, s := range known {
		if !Known(s) {
			known[i] = ScopeUnknown
		}
	}
	t := Token{
		ID: w.ID, Name: w.Name, Scopes: Canonical(known), LastEight: w.LastEight[max(len(w.LastEight)-8, 0):],
		CreatedAt: instant(w.CreatedAt), LastUsedAt: instant(w.LastUsed),
	}
	if t.LastUsedAt.Equal(t.CreatedAt) { // so it is before the first use
		t.LastUsedAt = time.Time{}
	}
	return t
}

// instant is a time of an answer; the zero time where the server states none,
// which it does by year 1 or 1970.
func instant(t time.Time) time.Time {
	if t.Year() <= 1970 {
		return time.Time{}
	}
	return t.UTC()
}

// Create makes a token for a user. It is sent once; an error says whether the
// token may exist all the same.
func (c *Client) Create(ctx context.Context, t *remote.Target, login, name string, scopes []string) (Created, error) {
	leave, err := c.turns.Take(ctx, t.ID+"\x00"+login)
	if err != nil {
		return Created{}, err
	}
	defer leave()
	a, err := c.do(ctx, t, http.MethodPost, []string{"users", login, "tokens"}, nil, map[string]any{"name": name, "scopes": scopes})
	if err != nil {
		return Created{}, err
	}
	var w wireToken
	if err := a.Decode(&w); err != nil || w.ID == 0 || w.Secret == "" || w.Name != name {
		e := t.Fail(remote.UnexpectedAnswer, a.Status, "answered the making of a token without the token")
		e.Uncertain = true
		return Created{}, e
	}
	w.LastEight = w.Secret[max(len(w.Secret)-8, 0):]
	return Created{Token: w.token(), Secret: credential.NewText(w.Secret)}, nil
}

// List answers all tokens of a user, whoever made them.
func (c *Client) List(ctx context.Context, t *remote.Target, login string) ([]Token, error) {
	var all []Token
	seen := map[int64]bool{}
	for page := 1; page <= maxPages; page++ {
		var found []wireToken
		query := url.Values{"page": {strconv.Itoa(page)}, "limit": {strconv.Itoa(pageSize)}}
		a, err := c.get(ctx, t, query, &found, "users", login, "tokens")
		if err != nil {
			return nil, err
		}
		if len(found) > pageSize {
			return nil, t.Fail(remote.UnexpectedAnswer, a.Status, "lists more tokens on a page than were asked for")
		}
		for i := range found {
			// One that is made meanwhile moves others to the next page.
			if w := &found[i]; !seen[w.ID] {
				seen[w.ID] = true
				all = append(all, w.token())
			}
		}
		total, err := strconv.Atoi(a.Header.Get("X-Total-Count"))
		if len(found) == 0 || err == nil && len(seen) >= total {
			return all, nil
		}
	}
	return nil, t.Fail(remote.UnexpectedAnswer, http.StatusOK, "lists more than "+strconv.Itoa(maxPages)+" pages of tokens for one user")
}

// Delete deletes a token of a user; NotFound when the server says that it has
// none, which another server at the same address says as well.
func (c *Client) Delete(ctx context.Context, t *remote.Target, login string, id int64) error {
	_, err := c.do(ctx, t, http.MethodDelete, []string{"users", login, "tokens", strconv.FormatInt(id, 10)}, nil, nil)
	return err
}

type wireAccount struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Admin bool   `json:"is_admin"`
}

// Find answers the user of a login; NotFound when there is none.
func (c *Client) Find(ctx context.Context, t *remote.Target, login string) (Account, error) {
	var is wireAccount
	if a, err := c.get(ctx, t, nil, &is, "users", login); err != nil {
		return Account{}, err
	} else if is.ID == 0 || is.Login == "" {
		return Account{}, t.Fail(remote.UnexpectedAnswer, a.Status, "answered a user without id or login")
	}
	found := Account{ID: is.ID, Login: is.Login, Admin: is.Admin}
	// An organisation is found under its name like a person, but not by this.
	switch p, err := c.person(ctx, t, is.ID); {
	case err != nil:
		return Account{}, err
	case p.ID != 0:
		found.Person, found.Admin = true, found.Admin || p.Admin
	}
	return found, nil
}

// LoginOf answers the login that a person has now; NotFound when there is
// nobody of that id.
func (c *Client) LoginOf(ctx context.Context, t *remote.Target, userID int64) (string, error) {
	p, err := c.person(ctx, t, userID)
	if err == nil && (p.ID == 0 || p.Login == "") {
		err = t.Fail(remote.NotFound, http.StatusOK, "there is no user with the id "+strconv.FormatInt(userID, 10))
	}
	return p.Login, err
}

// person is the person of an id; the zero one when there is none.
func (c *Client) person(ctx context.Context, t *remote.Target, id int64) (wireAccount, error) {
	var people struct {
		Data []wireAccount `json:"data"`
	}
	if _, err := c.get(ctx, t, url.Values{"uid": {strconv.FormatInt(id, 10)}, "limit": {"1"}}, &people, "users", "search"); err != nil {
		return wireAccount{}, err
	}
	for _, p := range people.Data {
		if p.ID == id {
			return p, nil
		}
	}
	return wireAccount{}, nil
}
