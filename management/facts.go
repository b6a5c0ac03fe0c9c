package management

import (
	"net/netip"
	"reflect"
	"strconv"
	"time"

	"credence/store"
	"credence/store/limit"
)

// facts is an object as audit details show it, by JSON field name. What is
// empty is left out.
type facts map[string]any

func (f facts) text(name, value string) {
	if value != "" {
		f[name] = value
	}
}

func (f facts) texts(name string, values []string) {
	if len(values) > 0 {
		f[name] = values
	}
}

func (f facts) instant(name string, value time.Time) {
	if !value.IsZero() {
		f[name] = value.UTC().Format(time.RFC3339Nano)
	}
}

func (f facts) budgets(limits []limit.Limit, quotas []limit.Quota) {
	f.texts("limits", texts(limits, limit.Format))
	f.texts("quotas", texts(quotas, limit.FormatQuota))
}

func texts[T any](values []T, text func(T) string) []string {
	var out []string
	for _, v := range values {
		out = append(out, text(v))
	}
	return out
}

// changedFacts keeps what differs between two states of an object.
func changedFacts(before, after facts) details {
	d := details{Before: facts{}, After: facts{}}
	for name, was := range before {
		if !reflect.DeepEqual(was, after[name]) {
			d.Before[name] = was
		}
	}
	for name, is := range after {
		if !reflect.DeepEqual(is, before[name]) {
			d.After[name] = is
		}
	}
	return d
}

// none reports that nothing differed.
func (d details) none() bool { return len(d.Before) == 0 && len(d.After) == 0 }

func keyFacts(k *store.Key) facts {
	f := facts{}
	f.text("name", k.Name)
	f.text("owner", k.Owner)
	f.text("key_type", string(k.KeyType))
	f.text("status", string(k.Status))
	f.text("status_reason", k.StatusReason)
	f.text("environment", k.Environment)
	f.text("plan", k.Plan)
	f.texts("scopes", k.Scopes)
	f.budgets(k.Limits, k.Quotas)
	f.texts("networks", texts(k.Networks, netip.Prefix.String))
	f.texts("hosts", k.Hosts)
	f.texts("methods", k.Methods)
	f.texts("paths", k.Paths)
	if len(k.Labels) > 0 {
		f["labels"] = k.Labels
	}
	f.instant("not_before", k.NotBefore)
	f.instant("expires_at", k.ExpiresAt)
	if k.RotateEvery > 0 {
		f["rotate_every"] = k.RotateEvery.String()
	}
	if k.Throttle > 0 {
		f["throttle"] = strconv.Itoa(k.Throttle) + "%"
	}
	f.text("predecessor", k.Predecessor)
	f.text("successor", k.Successor)
	f.instant("grace_ends_at", k.GraceEndsAt)
	if k.CloseWhenSilent > 0 {
		f["close_when_silent"] = k.CloseWhenSilent.String()
	}
	return f
}

func planFacts(p *store.Plan) facts {
	f := facts{}
	f.text("description", p.Description)
	f.budgets(p.Limits, p.Quotas)
	return f
}

func ownerFacts(o *store.Owner) facts {
	f := facts{}
	f.text("description", o.Description)
	f.text("contact", o.Contact)
	f.budgets(o.Limits, o.Quotas)
	return f
}

func namespaceFacts(n *store.Namespace) facts {
	f := facts{}
	f.text("description", n.Description)
	f.text("key_prefix", n.KeyPrefix)
	f.text("environment", n.Environment)
	return f
}

func ruleFacts(r *store.BlacklistRule) facts {
	f := facts{}
	f.text("network", r.Network.String())
	f.text("reason", r.Reason)
	f.text("source", r.Source)
	f.instant("ends_at", r.EndsAt)
	return f
}

func tokenFacts(t *store.Token) facts {
	f := facts{}
	f.text("name", t.Name)
	f.text("role", string(t.Role))
	f.texts("namespaces", t.Namespaces)
	f.instant("expires_at", t.ExpiresAt)
	return f
}
