package management

import (
	"context"
	"net"
	"net/url"
	"slices"
	"strings"

	"credence/store"
)

// apartConnection refuses a connection that names an account which one of
// another namespace names at the same address: strangers of that account would
// be those of both. Logins with a * are not compared: whose tokens are known
// over one connection has no strangers among them over another (siblings).
func (t *transaction) apartConnection(ctx context.Context, c *store.Connection) error {
	there, _, err := t.Connections(ctx, c.Kind, nil, store.Page{Limit: maxConnections})
	if err != nil {
		return err
	}
	for i := range there {
		o := &there[i]
		if o.ID == c.ID || !samePlace(o.URL, c.URL) || o.Namespace == c.Namespace {
			continue
		}
		if login, both := sharedAccount(c, o); both {
			return refuse(CodeConflict, "%s: the account %s is that of connection %s of another namespace, which would take for strangers what is made here; use that one, or give them accounts of their own",
				connectionName(c.Kind, c.Name), quoted(login), quoted(o.Name))
		}
	}
	return nil
}

// sharedAccount answers an account whose credentials both look after.
func sharedAccount(a, b *store.Connection) (login string, both bool) {
	for _, login := range accountsOf(a) {
		if slices.ContainsFunc(accountsOf(b), func(other string) bool { return strings.EqualFold(login, other) }) {
			return login, true
		}
	}
	return "", false
}

// accountsOf are the accounts that are named in full.
func accountsOf(c *store.Connection) []string {
	if c.Kind.OwnAccount() {
		return []string{c.Account}
	}
	return slices.DeleteFunc(slices.Clone(c.Logins), func(s string) bool { return strings.Contains(s, "*") })
}

// siblings are the other connections to the same program. What is known over
// them is no stranger over this one.
func (t *transaction) siblings(ctx context.Context, c *store.Connection) ([]store.Connection, error) {
	all, _, err := t.Connections(ctx, c.Kind, nil, store.Page{Limit: maxConnections})
	return slices.DeleteFunc(all, func(o store.Connection) bool { return o.ID == c.ID || !samePlace(o.URL, c.URL) }), err
}

// samePlace reports whether two base URLs are those of one program, however
// they are written.
func samePlace(a, b string) bool { return placeOf(a) == placeOf(b) }

func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(host, port) + strings.TrimRight(u.EscapedPath(), "/")
}
