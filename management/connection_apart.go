package management

import (
	"context"
	"slices"
	"strings"

	"credence/store"
)

// apartConnection refuses a connection that names an account which one of
// another namespace names at the same address: what is made over one would be
// a stranger over the other, to be seen and deleted there. Logins with a * are
// not compared, because nothing is looked for under them.
func (t *transaction) apartConnection(ctx context.Context, c *store.Connection) error {
	there, _, err := t.Connections(ctx, c.Kind, nil, store.Page{Limit: maxConnections})
	if err != nil {
		return err
	}
	for i := range there {
		o := &there[i]
		if o.ID == c.ID || o.URL != c.URL || o.Namespace == c.Namespace {
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

// accountsOf are the accounts that are named in full. Keys of n8n are those of
// the account that is logged in with.
func accountsOf(c *store.Connection) []string {
	if c.Kind == store.ConnectionN8N {
		return []string{c.Account}
	}
	return slices.DeleteFunc(slices.Clone(c.Logins), func(s string) bool { return strings.Contains(s, "*") })
}
