package gitea

import (
	"context"
	"net/http"
	"strings"
	"time"

	"credence/management/remote"
	"credence/store/credential"
)

// Claim is a token that is tried out, and whose it is to be.
type Claim struct {
	Secret  credential.Text
	TokenID int64 // 0: whichever
	UserID  int64 // 0: whoever
}

// Verification is what came of trying a token out.
type Verification struct {
	Outcome remote.Outcome
	TokenID int64    // 0 where the server does not say
	Login   string   // likewise ""
	Scopes  []string // likewise nil
	Why     string   // in the words of the server; "" when it is valid
}

const (
	oldFor  = time.Hour // a server may be upgraded
	mostOld = 1000
)

// Verify tries a token out. The call holds the token and nothing else, and
// counts as a use of it. What cannot be told is unknown.
func (c *Client) Verify(ctx context.Context, t *remote.Target, claim Claim) Verification {
	bare := *t
	bare.Account, bare.Secret = "", claim.Secret
	if !c.isOld(t.ID) {
		v, missing := c.verifyByToken(ctx, &bare, claim)
		if !missing {
			return v
		}
		c.setOld(t.ID)
	}
	return c.verifyByUser(ctx, &bare, claim)
}

func (c *Client) isOld(server string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, known := c.old[server]
	return known && c.now().Sub(at) < oldFor
}

func (c *Client) setOld(server string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.old) >= mostOld {
		clear(c.old)
	}
	c.old[server] = c.now()
}

func (c *Client) try(ctx context.Context, t *remote.Target, path string) (remote.Answer, error) {
	return c.remote.Do(ctx, t, remote.Request{
		Method: http.MethodGet, Path: []string{"api", "v1", path},
		Header: http.Header{"Authorization": {"token " + t.Secret.Reveal()}},
	})
}

// verifyByToken asks for the token itself, which needs no scope. missing: the
// server is older than that.
func (c *Client) verifyByToken(ctx context.Context, t *remote.Target, claim Claim) (v Verification, missing bool) {
	a, err := c.try(ctx, t, "token")
	if err != nil {
		return unknown(err), false
	}
	if a.Status == http.StatusNotFound && a.Form == remote.Text {
		return Verification{}, true
	}
	var is struct {
		wireToken

		User wireAccount `json:"user"`
	}
	if a.Status == http.StatusOK {
		if err := a.Decode(&is); err != nil || is.ID == 0 {
			return Verification{Outcome: remote.Unknown, Why: "answered without the token"}, false
		}
		v = Verification{Outcome: remote.Valid, TokenID: is.ID, Login: is.User.Login, Scopes: Canonical(is.Scopes)}
		if claim.TokenID != 0 && claim.TokenID != is.ID || claim.UserID != 0 && is.User.ID != 0 && claim.UserID != is.User.ID {
			v.Outcome, v.Why = remote.Invalid, "the secret is that of another token"
		}
		return v, false
	}
	return refusedToken(t, &a), false
}

// verifyByUser asks for the user of the token.
func (c *Client) verifyByUser(ctx context.Context, t *remote.Target, claim Claim) Verification {
	a, err := c.try(ctx, t, "user")
	if err != nil {
		return unknown(err)
	}
	if a.Status != http.StatusOK {
		return refusedToken(t, &a)
	}
	var is wireAccount
	if err := a.Decode(&is); err != nil || is.ID == 0 || is.Login == "" {
		return Verification{Outcome: remote.Unknown, Why: "answered without the user"}
	}
	v := Verification{Outcome: remote.Valid, Login: is.Login}
	if claim.UserID != 0 && claim.UserID != is.ID {
		v.Outcome, v.Why = remote.Invalid, "the secret is that of another user"
	}
	return v
}

// refusedToken is the outcome of an answer that is no success.
func refusedToken(t *remote.Target, a *remote.Answer) Verification {
	said := message(a)
	v := Verification{Outcome: remote.Unknown, Why: t.Fail("", a.Status, hinted(0, said)).Message}
	if a.Form != remote.JSON {
		return v
	}
	says := func(part string) bool { return strings.Contains(said, part) }
	switch {
	case a.Status == http.StatusUnauthorized && says("invalid username, password or token"):
		v.Outcome, v.Why = remote.Invalid, "the server does not know it"
	case a.Status == http.StatusForbidden && says("does not have at least one of required scope"):
		v.Outcome = remote.ValidLimited
		if _, list, found := strings.Cut(said, "token scope="); found {
			v.Scopes = Canonical(strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }))
		}
	case a.Status == http.StatusForbidden && (says("prohibited from signing in") || says("must change your password") || says("not activated")):
		v.Outcome = remote.Blocked
	}
	return v
}

func unknown(err error) Verification {
	return Verification{Outcome: remote.Unknown, Why: err.Error()}
}
