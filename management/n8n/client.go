package n8n

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"credence/management/remote"
	"credence/store/credential"
)

// The settings of a connection to an n8n.
const (
	SettingRESTPath = "rest_path" // of the web page's interface; rest if unsaid
	SettingAPIPath  = "api_path"  // of the public one; api if unsaid
)

const (
	rate = 2 // calls in a second to one instance
	// mostAccounts bounds the connections that something is kept of; beyond that
	// all are forgotten, which costs a look at each.
	mostAccounts = 1000
	// knownFor is how long what an instance says of itself is believed.
	knownFor = time.Minute
)

// Client speaks with any number of n8n, each in the name of one account: that
// of the target. It is safe for concurrent use.
type Client struct {
	remote   *remote.Client
	sessions Sessions
	now      func() time.Time
	wait     func(ctx context.Context, d time.Duration) error
	turns    remote.Turns // of creates, by connection: they come one after another

	mu sync.Mutex
	of map[string]*account // by the id of the target
}

// New answers an error that names the option that is missing. The rate of
// calls is set here.
func New(o remote.Options, sessions Sessions) (*Client, error) {
	if sessions == nil {
		return nil, errors.New("n8n: sessions are missing")
	}
	o.Rate = rate
	r, err := remote.New(o)
	if err != nil {
		return nil, err
	}
	if o.Wait == nil {
		o.Wait = remote.Wait
	}
	return &Client{remote: r, sessions: sessions, now: o.Now, wait: o.Wait, of: map[string]*account{}}, nil
}

// Close lets go of idle connections.
func (c *Client) Close() { c.remote.Close() }

// account is what is kept of a connection between calls.
type account struct {
	version  int64 // of the connection
	login    singleflight.Group
	lastMade time.Time // guarded by the turn of who makes a key

	mu         sync.Mutex
	session    Session
	known      Instance
	knownUntil time.Time
	noDiscover bool
}

// account is what is kept of the target. Of other settings nothing is known.
func (c *Client) account(t *remote.Target) *account {
	c.mu.Lock()
	defer c.mu.Unlock()
	if is := c.of[t.ID]; is != nil && is.version == t.Version {
		return is
	}
	if len(c.of) >= mostAccounts {
		clear(c.of)
	}
	is := &account{version: t.Version}
	c.of[t.ID] = is
	return is
}

// forget has what the instance says of itself read anew.
func (a *account) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.knownUntil, a.noDiscover = time.Time{}, false
}

// Password reads the credential of a connection: a password and, on a second
// line, the secret of the second factor where the account has one.
func Password(secret credential.Text) (password, totpSecret string) {
	password, totpSecret, _ = strings.Cut(strings.TrimRight(secret.Reveal(), "\r\n"), "\n")
	return strings.TrimSuffix(password, "\r"), strings.TrimSpace(totpSecret)
}

// rest is a path of the web page's interface.
func rest(t *remote.Target, elements ...string) []string {
	return append(segments(t.Settings[SettingRESTPath], "rest"), elements...)
}

// public is one of the public interface.
func public(t *remote.Target, elements ...string) []string {
	return append(append(segments(t.Settings[SettingAPIPath], "api"), "v1"), elements...)
}

func segments(path, otherwise string) []string {
	if path = strings.Trim(path, "/"); path == "" {
		path = otherwise
	}
	return strings.Split(path, "/")
}
