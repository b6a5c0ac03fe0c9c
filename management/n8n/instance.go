package n8n

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"credence/management/remote"
)

// Version is that of an instance.
type Version struct{ Major, Minor int }

// Before reports whether v is older.
func (v Version) Before(major, minor int) bool {
	return v.Major < major || v.Major == major && v.Minor < minor
}

// parseVersion reads "2.41.1", "2.0.0-rc.4"; 0.0 is older than anything.
func parseVersion(text string) Version {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return Version{}
	}
	major, err := strconv.Atoi(parts[0])
	minor, wrong := strconv.Atoi(parts[1])
	if err != nil || wrong != nil {
		return Version{}
	}
	return Version{major, minor}
}

// Instance is what an instance says of itself.
type Instance struct {
	Version     Version
	Text        string // of the version
	KeysEnabled bool
}

// CanRotate reports whether a key can get another secret and stay the same key.
func (i *Instance) CanRotate() bool { return !i.Version.Before(2, 28) }

// EnforcesScopes reports whether keys are held to their scopes: 1.x without a
// licence keeps them and does not.
func (i *Instance) EnforcesScopes() bool { return !i.Version.Before(2, 0) }

// wireSettings is what we read of the settings.
type wireSettings struct {
	VersionCLI string `json:"versionCli"`
	PublicAPI  *struct {
		Enabled bool `json:"enabled"`
	} `json:"publicApi"`
}

// instance is what the instance says of itself, at most a minute ago. One that
// is not supported is an error.
func (c *Client) instance(ctx context.Context, t *remote.Target) (Instance, error) {
	of := c.account(t)
	of.mu.Lock()
	known, until := of.known, of.knownUntil
	of.mu.Unlock()
	if c.now().Before(until) {
		return known, nil
	}
	s, err := c.settings(ctx, t)
	if err != nil {
		return Instance{}, err
	}
	s.VersionCLI = s.VersionCLI[:min(len(s.VersionCLI), 64)]
	known = Instance{Version: parseVersion(s.VersionCLI), Text: s.VersionCLI, KeysEnabled: s.PublicAPI.Enabled}
	if known.Version.Before(1, 123) {
		return Instance{}, notN8N(t, http.StatusOK, fmt.Sprintf("this is n8n %s, which is too old: 1.123 and 2.x are supported; update it", s.VersionCLI))
	}
	of.mu.Lock()
	of.known, of.knownUntil = known, c.now().Add(knownFor)
	of.mu.Unlock()
	return known, nil
}

// settings reads the settings. Whoever has no session is shown fewer, with
// status 200: then the session is looked at, which gets another if it ended.
func (c *Client) settings(ctx context.Context, t *remote.Target) (wireSettings, error) {
	for range 2 {
		a, err := c.call(ctx, t, remote.Request{Method: http.MethodGet, Path: rest(t, "settings")})
		if err != nil {
			return wireSettings{}, err
		}
		var s wireSettings
		if err := decode(t, &a, &s); err != nil {
			return wireSettings{}, err
		}
		if s.VersionCLI != "" && s.PublicAPI != nil {
			return s, nil
		}
		if _, err := c.user(ctx, t); err != nil {
			return wireSettings{}, err
		}
	}
	return wireSettings{}, notN8N(t, http.StatusOK, "the settings are not those of a supported n8n: check the base URL, and that it is 1.123 or later")
}

// usable is the instance, if keys can be managed on it.
func (c *Client) usable(ctx context.Context, t *remote.Target) (Instance, error) {
	i, err := c.instance(ctx, t)
	if err == nil && !i.KeysEnabled {
		err = keysDisabled(t)
	}
	return i, err
}

// wireUser is the account as n8n shows it.
type wireUser struct {
	ID           string   `json:"id"`
	Email        string   `json:"email"`
	Role         string   `json:"role"`
	GlobalScopes []string `json:"globalScopes"`
}

// user is who is logged in: the cheap look at a session.
func (c *Client) user(ctx context.Context, t *remote.Target) (wireUser, error) {
	a, err := c.call(ctx, t, remote.Request{Method: http.MethodGet, Path: rest(t, "login")})
	if err != nil {
		return wireUser{}, err
	}
	var u wireUser
	return u, decode(t, &a, &u)
}

// Check looks at the instance and the account: its version, what it may do and
// what is missing. It tries a credential again that was refused before.
func (c *Client) Check(ctx context.Context, t *remote.Target) (remote.Report, error) {
	if err := c.retry(ctx, t); err != nil {
		return remote.Report{}, err
	}
	i, err := c.instance(ctx, t)
	if err != nil {
		return remote.Report{}, err
	}
	u, err := c.user(ctx, t)
	if err != nil {
		return remote.Report{}, err
	}
	r := remote.Report{ServerVersion: i.Text, Account: u.Email}
	lacks := func(what, remedy string) { r.Missing = append(r.Missing, remote.Missing{What: what, Remedy: remedy}) }
	if !i.KeysEnabled {
		lacks("API keys are switched off on the instance", "remove N8N_PUBLIC_API_DISABLED from its settings")
		return r, nil
	}
	if r.Rights, err = c.scopes(ctx, t); err != nil {
		return r, err
	}
	needs := "apiKey:create"
	if !i.Version.Before(2, 7) && i.Version.Before(2, 25) {
		needs = "apiKey:manage"
	}
	if len(u.GlobalScopes) > 0 && !i.Version.Before(2, 7) && !slices.Contains(u.GlobalScopes, needs) {
		lacks("the account lacks the global scope "+needs, "use the owner or an admin, or give the role that scope")
	}
	if !i.EnforcesScopes() {
		r.Warnings = append(r.Warnings, remote.Missing{
			What: "1.x without a licence does not hold keys to their scopes", Remedy: "treat each key as one that may do everything, or update n8n to 2.x",
		})
	}
	return r, nil
}

// scopes are those that the account may give to a key, sorted.
func (c *Client) scopes(ctx context.Context, t *remote.Target) ([]string, error) {
	a, err := c.call(ctx, t, remote.Request{Method: http.MethodGet, Path: rest(t, "api-keys", "scopes")})
	if err != nil {
		return nil, err
	}
	var out []string
	if err := decode(t, &a, &out); err != nil {
		return nil, err
	}
	return Normalize(out), nil
}
