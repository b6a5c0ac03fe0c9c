package n8n

import (
	"context"
	"errors"
	"net/http"
	"time"

	"credence/management/remote"
	"credence/store/credential"
)

// cookieName is that of n8n's session. It is marked Secure, so a jar would keep
// it from instances inside a cluster that speak plain HTTP; we send it by hand.
const cookieName = "n8n-auth"

const (
	// LoginPause is how long apart logins are: n8n allows five in a minute, and
	// one of them is for the account's owner.
	LoginPause = 15 * time.Second
	// mostAsked bounds how long no login is tried because n8n says so.
	mostAsked = 5 * time.Minute
	// loginTimeout bounds a login, which all wait for and none can end alone.
	loginTimeout = 45 * time.Second
)

// Session is what all who use an account share. Cookie is a secret: whoever
// keeps a Session keeps it sealed.
type Session struct {
	Cookie string `json:"cookie,omitempty"`
	UserID string `json:"user_id,omitempty"` // of the account
	// NotBefore is when the next login may be tried.
	NotBefore time.Time `json:"not_before,omitzero"`
	// Refused is why no login is tried at all, until somebody checks the
	// connection or changes it.
	Refused remote.Kind `json:"refused,omitempty"`
	Message string      `json:"message,omitempty"`
}

// Sessions keeps the sessions of accounts for all processes that use them. A
// session belongs to a version of the connection: with another it is gone.
type Sessions interface {
	// LoadSession answers the zero Session when there is none.
	LoadSession(ctx context.Context, connectionID string, version int64) (Session, error)
	SaveSession(ctx context.Context, connectionID string, version int64, s Session) error
}

// retry forgets that the credential was refused. A session that is there stays.
func (c *Client) retry(ctx context.Context, t *remote.Target) error {
	c.account(t).forget()
	s, err := c.sessions.LoadSession(ctx, t.ID, t.Version)
	if err != nil || s.Refused == "" {
		return err
	}
	s.Refused, s.Message = "", ""
	return c.sessions.SaveSession(ctx, t.ID, t.Version, s)
}

// current is a session other than the one with the dead cookie: from memory,
// from where it is kept, or by a new login.
func (c *Client) current(ctx context.Context, t *remote.Target, dead string) (Session, error) {
	of := c.account(t)
	for range 2 {
		of.mu.Lock()
		s := of.session
		of.mu.Unlock()
		if s.Cookie != "" && s.Cookie != dead {
			return s, nil
		}
		// All who need a login wait for one. It goes on when the one who began it
		// leaves, since others may wait for it.
		flight := of.login.DoChan("", func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginTimeout)
			defer cancel()
			return c.logIn(ctx, t, of, dead)
		})
		select {
		case <-ctx.Done():
			return Session{}, ctx.Err()
		case r := <-flight:
			if r.Err != nil {
				return Session{}, r.Err
			}
			if s, ok := r.Val.(Session); ok && s.Cookie != dead {
				return s, nil
			}
			// The flight began for somebody who did not know that this one is dead.
		}
	}
	return Session{}, t.Fail(remote.SessionExpired, http.StatusUnauthorized, "the session has ended, and another could not be had")
}

// logIn answers the session that others have made meanwhile, or makes one.
func (c *Client) logIn(ctx context.Context, t *remote.Target, of *account, dead string) (Session, error) {
	s, err := c.usableSession(ctx, t, dead)
	if err != nil {
		return s, err
	}
	if s.Cookie == "" {
		if s, err = c.newSession(ctx, t); err != nil {
			return s, err
		}
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	of.session = s
	return s, nil
}

// usableSession is the session that is kept, unless it is the dead one; one
// without a cookie when a login is to be tried now.
func (c *Client) usableSession(ctx context.Context, t *remote.Target, dead string) (Session, error) {
	for waited := false; ; waited = true {
		s, err := c.sessions.LoadSession(ctx, t.ID, t.Version)
		if err != nil {
			return s, err
		}
		pause := s.NotBefore.Sub(c.now())
		switch {
		case s.Cookie != "" && s.Cookie != dead:
			return s, nil
		case s.Refused != "":
			return s, t.Fail(s.Refused, http.StatusUnauthorized, s.Message)
		case pause <= 0, pause > mostAsked: // nobody asks for more: a clock was ahead, or is back
			return Session{}, nil
		case pause > LoginPause || waited:
			return s, t.Fail(remote.RateLimited, http.StatusTooManyRequests,
				"there were too many logins; the next one is tried at "+s.NotBefore.UTC().Format(time.RFC3339))
		}
		// Somebody may log in meanwhile.
		if err := c.wait(ctx, pause); err != nil {
			return s, err
		}
	}
}

// newSession logs in once and keeps what comes of it.
func (c *Client) newSession(ctx context.Context, t *remote.Target) (Session, error) {
	s := Session{NotBefore: c.now().Add(LoginPause)}
	// Written first: whoever looks meanwhile, or after a crash, keeps the pause.
	if err := c.sessions.SaveSession(ctx, t.ID, t.Version, s); err != nil {
		return s, err
	}
	made, asked, failure := c.tryLogin(ctx, t)
	s.Cookie, s.UserID = made.Cookie, made.UserID
	if asked > LoginPause {
		s.NotBefore = c.now().Add(min(asked, mostAsked))
	}
	if e, ok := asError(failure); ok && (e.Kind == remote.CredentialRejected || e.Kind == remote.MFARequired) {
		s.Refused, s.Message = e.Kind, e.Message
	}
	return s, errors.Join(failure, c.sessions.SaveSession(ctx, t.ID, t.Version, s))
}

// tryLogin logs in once. asked is for how long n8n wants no other.
func (c *Client) tryLogin(ctx context.Context, t *remote.Target) (s Session, asked time.Duration, err error) {
	password, secret := Password(t.Secret)
	t = t.Hiding(credential.NewText(password), credential.NewText(secret))
	// Both spellings: versions that know one drop the other.
	body := map[string]string{"email": t.Account, "emailOrLdapLoginId": t.Account, "password": password}
	if secret != "" {
		code, err := totp(secret, c.now())
		if err != nil {
			return s, 0, t.Fail(remote.MFARequired, 0, "the secret of the second factor "+err.Error())
		}
		body["mfaCode"], body["mfaToken"] = code, code
	}
	a, err := c.remote.Do(ctx, t, remote.Request{Method: http.MethodPost, Path: rest(t, "login"), Body: body})
	if err != nil {
		return s, 0, err
	}
	if err := c.judgedLogin(ctx, t, &a); err != nil {
		return s, a.RetryAfter(c.now()), err
	}
	var user struct {
		ID string `json:"id"`
	}
	if err := decode(t, &a, &user); err != nil {
		return s, 0, err
	}
	cookie := sessionCookie(a.Header)
	if cookie == "" || user.ID == "" {
		return s, 0, notN8N(t, a.Status, "the login was answered without a session: check the base URL, and that nothing in between takes cookies away")
	}
	return Session{Cookie: cookie, UserID: user.ID}, 0, nil
}

// judgedLogin is the error that the answer to a login is; nil for a success.
func (c *Client) judgedLogin(ctx context.Context, t *remote.Target, a *remote.Answer) error {
	r := refused(a)
	is := func(kind remote.Kind, text string) error { return t.Fail(kind, a.Status, r.with(text)) }
	switch {
	case a.OK():
		return nil
	case a.Status == http.StatusUnauthorized && a.Form != remote.JSON:
		return notN8N(t, a.Status, "something before n8n asks for a login of its own: let this connection past it")
	case a.Status == http.StatusUnauthorized && r.MFARequired:
		return c.judged(t, a)
	case a.Status == http.StatusUnauthorized && r.code() == 998: // the only sign
		return is(remote.MFARequired, "the account has a second factor: give its secret to the connection, or use an account without")
	case a.Status == http.StatusUnauthorized && r.says("mfa token"):
		return is(remote.MFARequired, "the code of the second factor was refused: check its secret, and the clock of this machine")
	case a.Status == http.StatusUnauthorized && r.says("SSO"):
		return is(remote.CredentialRejected, "the instance demands single sign-on, from which only its owner is exempt: use the owner's account")
	case a.Status == http.StatusUnauthorized:
		return is(remote.CredentialRejected, "e-mail or password of the account are wrong, or it may not log in")
	case a.Status == http.StatusBadRequest && a.Form == remote.JSON:
		return is(remote.CredentialRejected, "the login was refused as malformed: check the e-mail of the account")
	}
	fail := c.judged(t, a)
	if fail.Kind == remote.EndpointMissing {
		return c.whyMissing(ctx, t, a, fail)
	}
	return fail
}

// sessionCookie is the session that an answer sets; "" when it sets none, or
// ends one.
func sessionCookie(h http.Header) string {
	for _, cookie := range (&http.Response{Header: h}).Cookies() {
		if cookie.Name == cookieName && cookie.MaxAge >= 0 {
			return cookie.Value
		}
	}
	return ""
}

// renewed keeps the session that n8n sets in the last quarter of a session's
// life. One that cannot be kept costs a login later, and nothing now.
func (c *Client) renewed(ctx context.Context, t *remote.Target, was Session, h http.Header) {
	cookie := sessionCookie(h)
	if cookie == "" || cookie == was.Cookie {
		return
	}
	of := c.account(t)
	of.mu.Lock()
	mine := of.session.Cookie == was.Cookie
	if mine {
		of.session.Cookie = cookie
	}
	s := of.session
	of.mu.Unlock()
	if mine {
		_ = c.sessions.SaveSession(ctx, t.ID, t.Version, s)
	}
}

func asError(err error) (*remote.Error, bool) { return errors.AsType[*remote.Error](err) }
