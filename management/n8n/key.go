package n8n

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"credence/management/remote"
	"credence/store/credential"
)

const (
	// listPage is the largest page that n8n gives; without saying it, ten.
	listPage = 250
	// mostPages bounds the keys of one account that are read.
	mostPages = 40
	// listTries is how often a list is read that changes meanwhile.
	listTries = 3
	// createTries is how often a key is made anew that the clock of an old
	// version refused.
	createTries = 3
	// createPause is how long apart creates of one account are where keys are
	// made of the second they are made in.
	createPause = 1100 * time.Millisecond
)

// lastInstant is the end of a key whose end no calendar has: somebody gave
// milliseconds, which n8n takes for seconds.
func lastInstant() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Key is an API key of the account, as n8n lists it.
type Key struct {
	ID         string
	UserID     string
	Label      string
	Scopes     []string // sorted; empty where the version has none
	Last4      string   // of the secret
	ExpiresAt  time.Time
	CreatedAt  time.Time
	LastUsedAt time.Time // zero: never, or the version does not say
}

// Spec is a key to be made.
type Spec struct {
	Label     string
	Scopes    []string
	ExpiresAt time.Time // zero: never; n8n counts in seconds
}

// Made is a key with its secret, which nobody gets to see again.
type Made struct {
	Key    Key
	Secret credential.Text
}

// wireKey is a key on the wire.
type wireKey struct {
	ID         string     `json:"id"`
	UserID     string     `json:"userId"`
	Label      string     `json:"label"`
	Scopes     []string   `json:"scopes"`
	APIKey     string     `json:"apiKey"`    // masked: ******dN-0
	RawAPIKey  string     `json:"rawApiKey"` // the secret, once
	ExpiresAt  *float64   `json:"expiresAt"` // seconds; null or 0: never
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
}

func (w *wireKey) key() Key {
	k := Key{ID: w.ID, UserID: w.UserID, Label: w.Label, Scopes: Normalize(w.Scopes), CreatedAt: w.CreatedAt.UTC()}
	if len(w.APIKey) >= 4 {
		k.Last4 = w.APIKey[len(w.APIKey)-4:]
	}
	if w.ExpiresAt != nil && *w.ExpiresAt > 0 {
		k.ExpiresAt = lastInstant()
		if *w.ExpiresAt < float64(k.ExpiresAt.Unix()) {
			k.ExpiresAt = time.Unix(int64(*w.ExpiresAt), 0).UTC()
		}
	}
	if w.LastUsedAt != nil {
		k.LastUsedAt = w.LastUsedAt.UTC()
	}
	return k
}

// Normalize answers scopes in the one form in which they are compared: n8n keeps
// their order and repeats what it is given twice.
func Normalize(scopes []string) []string {
	out := slices.Clone(scopes)
	slices.Sort(out)
	return slices.Compact(out)
}

// Create makes a key. It is sent once: see [remote.Error.Uncertain].
func (c *Client) Create(ctx context.Context, t *remote.Target, in Spec) (Made, error) {
	i, err := c.usable(ctx, t)
	if err != nil {
		return Made{}, err
	}
	leave, err := c.turns.Take(ctx, t.ID)
	if err != nil {
		return Made{}, err
	}
	defer leave()
	of := c.account(t)
	byTheSecond := i.Version.Before(2, 7)
	for try := 1; ; try++ {
		if wait := of.lastMade.Add(createPause).Sub(c.now()); byTheSecond && wait > 0 {
			if err := c.wait(ctx, wait); err != nil {
				return Made{}, err
			}
		}
		made, err := c.create(ctx, t, in)
		of.lastMade = c.now()
		if remote.KindOf(err) != remote.NameConflict || !byTheSecond || try == createTries {
			return made, err
		}
		// The words for a label that is taken, and for a clock that did not move.
		_, there, listErr := c.find(ctx, t, in.Label)
		if listErr != nil || there {
			return Made{}, err
		}
	}
}

func (c *Client) create(ctx context.Context, t *remote.Target, in Spec) (Made, error) {
	body := struct {
		Label     string   `json:"label"`
		Scopes    []string `json:"scopes"`
		ExpiresAt *int64   `json:"expiresAt"` // must be there, also as null
	}{Label: in.Label, Scopes: Normalize(in.Scopes)}
	if !in.ExpiresAt.IsZero() {
		seconds := in.ExpiresAt.Unix()
		body.ExpiresAt = &seconds
	}
	a, err := c.call(ctx, t, remote.Request{Method: http.MethodPost, Path: rest(t, "api-keys"), Body: body})
	if err != nil {
		return Made{}, err
	}
	return madeOf(t, &a)
}

// madeOf reads the answer that holds a secret.
func madeOf(t *remote.Target, a *remote.Answer) (Made, error) {
	var w wireKey
	err := decode(t, a, &w)
	if err == nil && (w.ID == "" || w.RawAPIKey == "") {
		err = notN8N(t, a.Status, "a key was made and its secret was not shown: this version is not supported")
	}
	if err != nil {
		return Made{}, uncertain(err)
	}
	w.APIKey = w.RawAPIKey // the end of the secret itself
	return Made{Key: w.key(), Secret: credential.NewText(w.RawAPIKey)}, nil
}

// List answers all keys of the account, also those that have expired.
func (c *Client) List(ctx context.Context, t *remote.Target) ([]Key, error) {
	if _, err := c.usable(ctx, t); err != nil {
		return nil, err
	}
	return c.list(ctx, t)
}

// list reads the list until it holds together: a key that is missing in it is
// taken for deleted by whoever asks.
func (c *Client) list(ctx context.Context, t *remote.Target) ([]Key, error) {
	for range listTries {
		keys, whole, err := c.pages(ctx, t)
		if err != nil || whole {
			return keys, err
		}
	}
	return nil, t.Fail(remote.Unavailable, http.StatusOK, "the list of keys changes while it is read: try again")
}

// pages reads every page once. Before 2.27 there is one, an array.
func (c *Client) pages(ctx context.Context, t *remote.Target) (keys []Key, whole bool, err error) {
	seen, count := map[string]bool{}, -1
	for page := range mostPages {
		// Without ownership=mine an owner is shown everybody's.
		query := url.Values{"take": {strconv.Itoa(listPage)}, "skip": {strconv.Itoa(page * listPage)}, "ownership": {"mine"}}
		a, err := c.call(ctx, t, remote.Request{Method: http.MethodGet, Path: rest(t, "api-keys"), Query: query})
		if err != nil {
			return nil, false, err
		}
		items, mine, paged, err := listed(t, &a)
		if err != nil {
			return nil, false, err
		}
		if paged && len(items) > listPage || len(items) > listPage*mostPages {
			return nil, false, notN8N(t, a.Status, "lists more keys than were asked for")
		}
		if count >= 0 && mine != count {
			return nil, false, nil // pages of different lists
		}
		count = mine
		fresh := 0
		for i := range items {
			if !seen[items[i].ID] && c.isOurs(t, &items[i]) {
				seen[items[i].ID] = true
				keys = append(keys, items[i].key())
				fresh++
			}
		}
		if !paged || len(seen) >= mine || fresh == 0 {
			return keys, !paged || len(seen) == mine, nil
		}
	}
	return nil, false, t.Fail(remote.RequestInvalid, http.StatusOK, "the account has more than "+strconv.Itoa(listPage*mostPages)+" keys: use an account of its own for this connection")
}

// listed reads both shapes of the list.
func listed(t *remote.Target, a *remote.Answer) (items []wireKey, mine int, paged bool, err error) {
	var data json.RawMessage
	if err := decode(t, a, &data); err != nil {
		return nil, 0, false, err
	}
	if json.Unmarshal(data, &items) == nil && items != nil {
		return items, len(items), false, nil
	}
	var list struct {
		Items  []wireKey `json:"items"`
		Counts *struct {
			Mine int `json:"mine"`
		} `json:"counts"`
	}
	if json.Unmarshal(data, &list) != nil || list.Items == nil || list.Counts == nil {
		return nil, 0, false, notN8N(t, a.Status, "the list of keys is not of a shape that any supported version has")
	}
	return list.Items, list.Counts.Mine, true, nil
}

// isOurs keeps other people's keys out, should n8n show them all the same.
func (c *Client) isOurs(t *remote.Target, k *wireKey) bool {
	of := c.account(t)
	of.mu.Lock()
	defer of.mu.Unlock()
	return k.UserID == "" || of.session.UserID == "" || k.UserID == of.session.UserID
}

// Find answers the key of exactly that label. It is how one learns whether a
// create that was not answered was carried out.
func (c *Client) Find(ctx context.Context, t *remote.Target, label string) (Key, bool, error) {
	if _, err := c.usable(ctx, t); err != nil {
		return Key{}, false, err
	}
	return c.find(ctx, t, label)
}

func (c *Client) find(ctx context.Context, t *remote.Target, label string) (Key, bool, error) {
	keys, err := c.list(ctx, t)
	if err != nil {
		return Key{}, false, err
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return k.Label == label })
	if i < 0 {
		return Key{}, false, nil
	}
	return keys[i], true, nil
}

// Rotate gives a key another secret; the old one is refused at once. Where the
// version cannot, the error is [remote.EndpointMissing] and nothing was
// changed. After an answer that was lost it can be called again.
func (c *Client) Rotate(ctx context.Context, t *remote.Target, id string) (Made, error) {
	i, err := c.usable(ctx, t)
	if err != nil {
		return Made{}, err
	}
	if !i.CanRotate() {
		return Made{}, t.Fail(remote.EndpointMissing, 0, "n8n "+i.Text+" cannot rotate a key: make another one and delete this")
	}
	a, err := c.call(ctx, t, remote.Request{Method: http.MethodPost, Path: rest(t, "api-keys", id, "rotate")})
	if err != nil {
		return Made{}, err
	}
	return madeOf(t, &a)
}

// Delete deletes a key by its id. One that is gone already is what was wanted.
func (c *Client) Delete(ctx context.Context, t *remote.Target, id string) error {
	if _, err := c.usable(ctx, t); err != nil {
		return err
	}
	_, err := c.call(ctx, t, remote.Request{Method: http.MethodDelete, Path: rest(t, "api-keys", id)})
	if remote.KindOf(err) == remote.NotFound {
		return nil
	}
	return err
}

// CanRotate reports whether the instance gives a key another secret.
func (c *Client) CanRotate(ctx context.Context, t *remote.Target) (bool, error) {
	i, err := c.usable(ctx, t)
	return i.CanRotate(), err
}
