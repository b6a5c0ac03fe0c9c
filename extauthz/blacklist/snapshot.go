package blacklist

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"credence/store"
)

// never is the end of a rule that stays until it is removed.
const never = math.MaxInt64

// rule is what a snapshot needs of a blacklist rule.
type rule struct {
	namespace string
	network   netip.Prefix
	end       int64 // Unix nanoseconds; the end itself is outside
}

func ruleOf(r *store.BlacklistRule) (rule, error) {
	network := r.Network
	// The store unmaps networks. A mapped one would match nothing here, so it
	// is unmapped again rather than lost.
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	if !network.IsValid() {
		return rule{}, fmt.Errorf("blacklist: rule %s: network %q is no prefix; remove the rule and add it again",
			r.ID, r.Network)
	}
	return rule{namespace: r.Namespace, network: network.Masked(), end: endOf(r.EndsAt)}, nil
}

// kept is a rule of which ruleOf makes the same again.
func (r rule) kept(id string) store.BlacklistRule {
	k := store.BlacklistRule{ID: id, Namespace: r.namespace, Network: r.network}
	if r.end != never {
		k.EndsAt = time.Unix(0, r.end).UTC()
	}
	return k
}

func endOf(t time.Time) int64 {
	// Unix nanoseconds end in the year 2262; what lies beyond does not end.
	if t.IsZero() || t.Year() > 2261 {
		return never
	}
	return t.UnixNano()
}

// snapshot is immutable.
type snapshot struct {
	scopes map[string]*scope // by namespace; "" holds the global rules
	rules  int
}

// scope holds the rules of one namespace.
type scope struct {
	// table says for each network when the last-ending rule ends, of those
	// for the network itself and for all networks around it.
	table  bart.Table[int64]
	latest int64 // end of the last-ending rule
}

func (s *snapshot) refused(client netip.Addr, namespace string, now time.Time) bool {
	rules, found := s.scopes[namespace]
	if !found {
		return false
	}
	if !client.IsValid() {
		return now.UnixNano() < rules.latest
	}
	end, covered := rules.table.Lookup(client.Unmap())
	return covered && now.UnixNano() < end
}

// with answers a snapshot whose tables of the given namespaces are built from
// the rules; the others are shared with s.
func (s *snapshot) with(rules map[string]rule, changed map[string]struct{}) *snapshot {
	next := &snapshot{scopes: make(map[string]*scope, len(s.scopes)+len(changed)), rules: len(rules)}
	for namespace, sc := range s.scopes {
		if _, rebuild := changed[namespace]; !rebuild {
			next.scopes[namespace] = sc
		}
	}
	members := make(map[string][]rule, len(changed))
	for _, r := range rules {
		if _, rebuild := changed[r.namespace]; rebuild {
			members[r.namespace] = append(members[r.namespace], r)
		}
	}
	for namespace, rules := range members {
		next.scopes[namespace] = build(rules)
	}
	return next
}

// build inserts short prefixes first, so that what lies around a network is in
// the table when the network's turn comes.
func build(rules []rule) *scope {
	slices.SortFunc(rules, func(a, b rule) int { return cmp.Compare(a.network.Bits(), b.network.Bits()) })
	sc := &scope{}
	for _, r := range rules {
		end := r.end
		if _, around, ok := sc.table.LookupPrefixLPM(r.network); ok {
			end = max(end, around)
		}
		sc.table.Insert(r.network, end)
		sc.latest = max(sc.latest, r.end)
	}
	return sc
}
