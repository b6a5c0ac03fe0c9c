package n8n

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"credence/management/remote"
	"credence/store/credential"
)

// call makes one call in the name of the account, with one new login when the
// session has ended. The answer is a success.
func (c *Client) call(ctx context.Context, t *remote.Target, r remote.Request) (remote.Answer, error) {
	var dead string
	for range 2 {
		s, err := c.current(ctx, t, dead)
		if err != nil {
			return remote.Answer{}, err
		}
		r.Header = http.Header{"Cookie": {cookieName + "=" + s.Cookie}}
		hiding := t.Hiding(credential.NewText(s.Cookie))
		a, err := c.remote.Do(ctx, hiding, r)
		if err != nil {
			return remote.Answer{}, err
		}
		c.renewed(ctx, t, s, a.Header)
		fail := c.judged(hiding, &a)
		switch {
		case fail == nil:
			return a, nil
		case fail.Kind == remote.SessionExpired:
			dead = s.Cookie
		case fail.Kind == remote.EndpointMissing:
			return remote.Answer{}, certain(c.whyMissing(ctx, t, &a, fail), r.Method, false)
		default:
			said := refused(&a)
			return remote.Answer{}, certain(fail, r.Method, said.Message != "" && fail.Kind != remote.Unavailable)
		}
	}
	return remote.Answer{}, t.Fail(remote.SessionExpired, http.StatusUnauthorized,
		"a session that was just given is refused: something in between takes cookies away, or the account was disabled")
}

// refusal is the body of an answer that is an error, in all its shapes:
//
//	{"code":400,"message":"..."}                         most
//	{"code":"too_big","path":["label"],"message":"..."}  the check of the input
//	{"status":"error","message":"Unauthorized"}          without a session
//	{"message":"..."}                                    the public interface
type refusal struct {
	Code        json.RawMessage   `json:"code"`   // a number or a word
	Status      string            `json:"status"` // "error", or none
	Message     string            `json:"message"`
	Path        []json.RawMessage `json:"path"`
	MFARequired bool              `json:"mfaRequired"`
}

// refused reads a refusal; what does not fit is none that we know, and its
// status still counts.
func refused(a *remote.Answer) refusal {
	var r refusal
	if a.Form == remote.JSON {
		_ = json.Unmarshal(a.Body, &r)
	}
	return r
}

func (r *refusal) code() int {
	n, err := strconv.Atoi(string(r.Code))
	if err != nil {
		return 0
	}
	return n
}

// about reports whether the refusal is about that field of the input.
func (r *refusal) about(field string) bool {
	return len(r.Path) > 0 && string(r.Path[0]) == strconv.Quote(field)
}

func (r *refusal) says(text string) bool { return strings.Contains(r.Message, text) }

// with is what we have to say, and behind it what n8n said.
func (r *refusal) with(text string) string {
	if r.Message == "" {
		return text
	}
	return text + " (" + r.Message + ")"
}

// judged is the error that an answer of the web page's interface is; nil for a
// success. Status first, then what it says.
func (c *Client) judged(t *remote.Target, a *remote.Answer) *remote.Error {
	r := refused(a)
	is := func(kind remote.Kind, text string) *remote.Error { return t.Fail(kind, a.Status, r.with(text)) }
	switch {
	case a.OK():
		return nil
	case a.Status == http.StatusUnauthorized && r.MFARequired:
		return is(remote.MFARequired, "the instance demands a second factor and the account has none: enrol one, and give its secret to the connection")
	case a.Status == http.StatusUnauthorized && a.Form != remote.JSON:
		return notN8N(t, a.Status, "something before n8n asks for a login of its own: let this connection past it")
	case a.Status == http.StatusUnauthorized:
		return is(remote.SessionExpired, "the session has ended")
	case a.Status == http.StatusMisdirectedRequest:
		return notN8N(t, a.Status, "what answers there does not know that host (421): check the host of the base URL, and what is in between")
	case a.Status == http.StatusForbidden:
		return is(remote.Forbidden, "the account may not do that: it needs the right to manage API keys, as the owner and admins have")
	case a.Status == http.StatusBadRequest && (r.about("scopes") || r.says("Invalid scopes")):
		return is(remote.ScopeInvalid, "a scope is unknown to this version, or the account's role may not give it")
	case a.Status == http.StatusBadRequest && r.says("maximum number of API keys"):
		return is(remote.RequestInvalid, "the account has as many API keys as its licence allows: delete one first")
	case a.Status == http.StatusInternalServerError && r.says("already an entry with this name"):
		return is(remote.NameConflict, "the account has a key of that label")
	case a.Status == http.StatusNotFound && a.Form == remote.JSON && r.code() == http.StatusNotFound && r.says("API key not found"):
		return is(remote.NotFound, "there is no such key")
	case a.Status == http.StatusNotFound:
		return t.Fail(remote.EndpointMissing, a.Status, "it is ready and has nothing at that path: check the paths of the connection, and its version")
	case a.Status == http.StatusTooManyRequests:
		return is(remote.RateLimited, "it asks to wait "+a.RetryAfter(c.now()).String())
	case a.Status/100 == 5:
		return is(remote.Unavailable, "it answered "+strconv.Itoa(a.Status))
	case a.Form != remote.JSON:
		return notN8N(t, a.Status, "answered "+strconv.Itoa(a.Status)+" in a form that n8n does not: check the base URL, and what is in between")
	}
	return is(remote.RequestInvalid, "it refused the call with "+strconv.Itoa(a.Status))
}

// whyMissing tells a program that is starting, or is not n8n, from n8n without
// that endpoint. An empty 404 is what n8n says where API keys are switched
// off.
func (c *Client) whyMissing(ctx context.Context, t *remote.Target, missing *remote.Answer, fail *remote.Error) error {
	a, err := c.remote.Do(ctx, t, remote.Request{Method: http.MethodGet, Path: []string{"healthz", "readiness"}})
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusOK && a.Form == remote.JSON && missing.Form == remote.Empty:
		return keysDisabled(t)
	case a.Status == http.StatusOK && a.Form == remote.JSON:
		return fail
	case startingUp(&a):
		return t.Fail(remote.Unavailable, a.Status, "it is starting: try again in a moment")
	case a.Status/100 == 5:
		return t.Fail(remote.Unavailable, a.Status, "it answered "+strconv.Itoa(a.Status)+" when it was asked whether it is ready")
	}
	return notN8N(t, missing.Status, "there is no n8n at the base URL: check it and its path")
}

// startingUp reports whether an answer about readiness is that of an n8n which
// has not come so far. Others say 404 and 503 in JSON, too, but not in its words:
// {"status":"error"}, or its refusal with the status as a number.
func startingUp(a *remote.Answer) bool {
	r := refused(a)
	switch a.Status {
	case http.StatusServiceUnavailable:
		return r.Status == "error" || r.code() == a.Status
	case http.StatusNotFound:
		return r.code() == a.Status
	}
	return false
}

func keysDisabled(t *remote.Target) *remote.Error {
	return t.Fail(remote.EndpointMissing, http.StatusNotFound, "API keys are switched off there (N8N_PUBLIC_API_DISABLED): switch them on")
}

func notN8N(t *remote.Target, status int, text string) *remote.Error {
	return t.Fail(remote.UnexpectedAnswer, status, text)
}

// decode reads the data of a success. A page with status 200 is the editor's,
// which answers every path that nothing else does.
func decode(t *remote.Target, a *remote.Answer, data any) error {
	var envelope struct {
		Data json.RawMessage `json:"data"`
	}
	if err := a.Decode(&envelope); err != nil {
		return err
	}
	if len(envelope.Data) == 0 || json.Unmarshal(envelope.Data, data) != nil {
		// What the decoder says may hold a secret.
		return notN8N(t, a.Status, "answered with JSON of a shape that no supported version has")
	}
	return nil
}

// certain says of the error of a call that it may have been carried out, when
// it makes something and n8n itself did not say that it was not: a proxy may
// give up while n8n goes on.
func certain(err error, method string, own bool) error {
	if method == http.MethodPost && !own {
		return uncertain(err)
	}
	return err
}

// uncertain marks the error of a call that was answered, by which something
// may have been made.
func uncertain(err error) error {
	if e, ok := asError(err); ok {
		e.Uncertain = true
	}
	return err
}
