package gitea

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"credence/management/remote"
	"credence/store"
)

// Examine answers what is wrong with a connection to Gitea, and brings its
// scopes into canonical order.
func (*Client) Examine(c *store.Connection) []remote.Problem {
	var found []remote.Problem
	add := func(field, problem, remedy string) {
		found = append(found, remote.Problem{Field: field, Problem: problem, Remedy: remedy})
	}
	if c.Account == "" || strings.Contains(c.Account, ":") {
		add("account", "is missing or holds a colon", "give the login of the site administrator that the credential belongs to")
	}
	if len(c.Logins) == 0 {
		add("logins", "is empty", "name the users that tokens may be made for; ci-* means all that begin so")
	}
	for _, l := range c.Logins {
		if !loginPattern(l) {
			add("logins", "holds "+l+", which is no login", "use logins, or the beginning of some and a * at the end")
		}
	}
	if len(c.Scopes) == 0 {
		add("scopes", "is empty", "name the widest scopes that a token may have, such as write:repository")
	}
	for _, s := range c.Scopes {
		if !Known(s) {
			add("scopes", "holds "+s+", which Gitea does not know", "use some of "+strings.Join(Scopes(), ", "))
		}
	}
	for name := range c.Settings {
		add("settings", "holds "+name, "leave it out: a connection to Gitea has none")
	}
	c.Scopes = Canonical(c.Scopes)
	slices.Sort(c.Logins)
	return found
}

// loginPattern reports whether it is a login, or the beginning of some and a *.
func loginPattern(text string) bool {
	name := strings.TrimSuffix(text, "*")
	if text == "" {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// Allows reports whether the logins of a connection hold a login. Gitea does
// not tell capitals from small letters.
func Allows(logins []string, login string) bool {
	login = strings.ToLower(login)
	return slices.ContainsFunc(logins, func(l string) bool {
		l = strings.ToLower(l)
		if begin, many := strings.CutSuffix(l, "*"); many {
			return strings.HasPrefix(login, begin)
		}
		return l == login
	})
}

// Check says what a connection reaches, and what it lacks.
func (c *Client) Check(ctx context.Context, t *remote.Target) (remote.Report, error) {
	var report remote.Report
	v, err := c.version(ctx, t)
	if err != nil {
		return report, err
	}
	report.ServerVersion = v.text
	lacks := func(what, remedy string) {
		report.Missing = append(report.Missing, remote.Missing{What: what, Remedy: remedy})
	}
	if !v.supported() {
		lacks("a supported version", "upgrade to Gitea 1.22.3 or Forgejo 7, or later")
	}
	var me wireAccount
	switch _, err := c.get(ctx, t, nil, &me, "user"); {
	case remote.KindOf(err) == remote.Forbidden:
		lacks("scope read:user", "give the connection a token with the scopes that docs/gitea.md lists")
		return report, nil // nothing more can be seen
	case err != nil:
		return report, err
	}
	report.Account = me.Login
	if me.Admin {
		report.Rights = append(report.Rights, "site administrator")
	} else {
		lacks("site administration", "make "+me.Login+" a site administrator: nobody else can make tokens for other users")
	}
	var some []wireToken
	switch _, err := c.get(ctx, t, url.Values{"limit": {"1"}}, &some, "users", me.Login, "tokens"); {
	case remote.KindOf(err) == remote.Forbidden:
		lacks("the right to list tokens", "give the connection a token with the scope write:user, or all")
	case err != nil:
		return report, err
	default:
		report.Rights = append(report.Rights, "lists tokens")
	}
	return report, c.checkScopes(ctx, t, v, &report)
}

// checkScopes adds what the scopes of the account's own token allow, where the
// credential is one and the server says so.
func (c *Client) checkScopes(ctx context.Context, t *remote.Target, v version, report *remote.Report) error {
	own := c.Verify(ctx, t, Claim{Secret: t.Secret})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !own.Outcome.Works() || own.TokenID == 0 && len(own.Scopes) == 0 {
		return nil // a password, or an older server: then its scopes are not looked at there
	}
	for _, s := range own.Scopes {
		report.Rights = append(report.Rights, "scope "+s)
	}
	if !Covers(own.Scopes, "write:user") {
		report.Missing = append(report.Missing, remote.Missing{What: "scope write:user", Remedy: "give the connection a token with it: tokens cannot be made without"})
	}
	for _, s := range t.Scopes {
		if v.limits() && !Covers(own.Scopes, s) {
			report.Missing = append(report.Missing, remote.Missing{What: "scope " + s, Remedy: "give the connection a token with it, or with all: this version makes no token wider than the one that makes it"})
		}
	}
	return nil
}

// Version answers the version of the server; an error when it is not
// supported.
func (c *Client) Version(ctx context.Context, t *remote.Target) (string, error) {
	v, err := c.version(ctx, t)
	if err == nil && !v.supported() {
		err = t.Fail(remote.UnexpectedAnswer, 0, "version "+v.text+" is not supported: Gitea 1.22.3 or Forgejo 7, or later, is")
	}
	return v.text, err
}

func (c *Client) version(ctx context.Context, t *remote.Target) (version, error) {
	var answer struct {
		Version string `json:"version"`
	}
	a, err := c.get(ctx, t, nil, &answer, "version")
	if err != nil {
		return version{}, err
	}
	if answer.Version == "" {
		return version{}, t.Fail(remote.UnexpectedAnswer, a.Status, "states no version: is it Gitea?")
	}
	v := parseVersion(answer.Version)
	if len(v.text) > 64 {
		v.text = v.text[:64]
	}
	return v, nil
}
