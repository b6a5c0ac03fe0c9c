package n8n

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"credence/management/remote"
	"credence/store/credential"
)

// Verdict is what came of trying a key out.
type Verdict struct {
	Outcome remote.Outcome
	Scopes  []string // that n8n says the key has; nil when it does not say
	Expired bool     // the key names an end, which is past
	Text    string   // why, when it is not valid
}

// keyHeader is where n8n looks for a key.
const keyHeader = "X-N8N-API-KEY"

// Verify asks n8n whether it accepts the key. It counts as a use of it.
func (c *Client) Verify(ctx context.Context, t *remote.Target, key credential.Text) Verdict {
	v := c.probe(ctx, t.Hiding(key), key)
	if v.Outcome != remote.Invalid {
		return v
	}
	// Every key looks invalid on an instance where keys are switched off.
	switch i, err := c.instance(ctx, t); {
	case err != nil:
		v := unknown(err)
		v.Text = "n8n refuses the key, and whether it refuses all of them could not be seen: " + v.Text
		return v
	case !i.KeysEnabled:
		return unknown(keysDisabled(t))
	}
	if end := endOf(key); !end.IsZero() && !c.now().Before(end) {
		v.Expired, v.Text = true, "it expired at "+end.Format(time.RFC3339)
	}
	return v
}

// probe asks with the endpoint that the version has.
func (c *Client) probe(ctx context.Context, t *remote.Target, key credential.Text) Verdict {
	of := c.account(t)
	of.mu.Lock()
	skip := of.noDiscover
	of.mu.Unlock()
	if !skip {
		v, missing := c.discover(ctx, t, key)
		if !missing {
			return v
		}
		of.mu.Lock()
		of.noDiscover = true
		of.mu.Unlock()
	}
	a, err := c.tried(ctx, t, key, url.Values{"limit": {"1"}}, "workflows")
	if err != nil {
		return unknown(err)
	}
	if a.Status == http.StatusForbidden && a.Form == remote.JSON {
		return Verdict{Outcome: remote.ValidLimited, Text: "n8n accepts the key; what was tried is beyond its scopes"}
	}
	return c.verdict(t, &a)
}

// discover needs no scope and says which the key has; a resource that is none
// keeps the answer short. missing: the version does not have it.
func (c *Client) discover(ctx context.Context, t *remote.Target, key credential.Text) (v Verdict, missing bool) {
	a, err := c.tried(ctx, t, key, url.Values{"resource": {"none"}}, "discover")
	if err != nil {
		return unknown(err), false
	}
	if a.Status == http.StatusNotFound && a.Form == remote.JSON {
		return Verdict{}, true
	}
	v = c.verdict(t, &a)
	if v.Outcome == remote.Valid {
		var data struct {
			Scopes []string `json:"scopes"`
		}
		if err := decode(t, &a, &data); err != nil {
			return unknown(err), false
		}
		v.Scopes = Normalize(data.Scopes)
	}
	return v, false
}

// tried sends the key, and nothing of ours.
func (c *Client) tried(ctx context.Context, t *remote.Target, key credential.Text, query url.Values, path string) (remote.Answer, error) {
	return c.remote.Do(ctx, t, remote.Request{
		Method: http.MethodGet, Path: public(t, path), Query: query, Header: http.Header{keyHeader: {key.Reveal()}},
	})
}

// verdict is what an answer of the public interface means. What is not known
// to be an answer to the key says nothing about it.
func (c *Client) verdict(t *remote.Target, a *remote.Answer) Verdict {
	r := refused(a)
	switch {
	case a.Status == http.StatusOK && a.Form == remote.JSON:
		return Verdict{Outcome: remote.Valid}
	case a.Status == http.StatusUnauthorized && r.Message == "unauthorized":
		return Verdict{Outcome: remote.Invalid, Text: "n8n refuses it: deleted, rotated or expired, or its account was disabled"}
	case a.Status == http.StatusUnauthorized && a.Form == remote.JSON:
		// "'X-N8N-API-KEY' header required", or "Unauthorized" with a capital.
		return unknown(t.Fail(remote.Unavailable, a.Status, "the key did not arrive: something in between takes the header "+keyHeader+" away"))
	case a.Status == http.StatusNotFound:
		return unknown(t.Fail(remote.Unavailable, a.Status, "it is starting, the path of its public interface is another, or something else answers there"))
	}
	if fail := c.judged(t, a); fail != nil {
		return unknown(fail)
	}
	return unknown(notN8N(t, a.Status, "something else answers at the address of its public interface"))
}

func unknown(err error) Verdict {
	v := Verdict{Outcome: remote.Unknown, Text: "it could not be asked"}
	if e, ok := asError(err); ok {
		v.Text = e.Error()
	} else if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		v.Text = "there was no time to ask"
	}
	return v
}

// endOf is the end that a key itself names; zero for none, or when it is no
// JWT. It is read, not verified: only n8n can do that.
func endOf(key credential.Text) time.Time {
	parts := strings.Split(key.Reveal(), ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	plain, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp int64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(plain, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(claims.Exp, 0).UTC()
}
