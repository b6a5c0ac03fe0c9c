package management

import (
	"context"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strconv"

	"github.com/gaissmai/bart"

	"credence/store"
)

// The most of the internet that the rules of one place may refuse together
// without force: a sixteenth of IPv4, and of the IPv6 addresses that are given
// out (2000::/3, itself an eighth of all). Many narrow rules are as bad as one
// wide one.
const (
	mostOfIPv4 = 1.0 / 16
	mostOfIPv6 = 1.0 / 16 / 8
	// littleMore is what rules may add when others were forced beyond that: a
	// /16 of IPv4, and as much of IPv6. Daily work goes on then.
	littleMore = 1.0 / 65536
)

// blacklisted is the rules that are there, by network.
type blacklisted struct {
	table bart.Table[[]store.BlacklistRule] // of all places that the actor may see
	own   bart.Lite                         // of the place where rules are to be added
	count int
	ended map[netip.Prefix]store.BlacklistRule // of that place, and over
}

// blacklist reads the rules of the namespace ("" is everywhere) and, for a
// global actor, those that meet it: the global ones, or those of all. Rules
// whose time is over refuse nobody and stand apart.
func (t *transaction) blacklist(ctx context.Context, namespace string) (*blacklisted, error) {
	scopes := []string{namespace}
	switch {
	case namespace == "":
		scopes = nil
	case t.actor.Global():
		scopes = append(scopes, "")
	}
	b := &blacklisted{ended: map[netip.Prefix]store.BlacklistRule{}}
	page := store.Page{Limit: store.MaxPage}
	for {
		rules, next, err := t.BlacklistRules(ctx, scopes, page)
		if err != nil {
			return nil, err
		}
		for i := range rules {
			r := &rules[i]
			switch {
			case !r.Ended(t.Now()):
				b.add(r, namespace)
			case r.Namespace == namespace:
				b.ended[r.Network] = *r
			}
		}
		if next == "" {
			return b, nil
		}
		page.After = next
	}
}

// meet notes a rule for those that come after it.
func (b *blacklisted) meet(r *store.BlacklistRule) {
	b.table.Modify(r.Network, func(there []store.BlacklistRule, _ bool) ([]store.BlacklistRule, bool) {
		return append(there, *r), false
	})
}

func (b *blacklisted) add(r *store.BlacklistRule, namespace string) {
	b.meet(r)
	if r.Namespace == namespace {
		b.own.Insert(r.Network)
		b.count++
	}
}

// twin is the rule of that network and namespace.
func (b *blacklisted) twin(network netip.Prefix, namespace string) (store.BlacklistRule, bool) {
	there, _ := b.table.Get(network)
	for i := range there {
		if there[i].Namespace == namespace {
			return there[i], true
		}
	}
	return store.BlacklistRule{}, false
}

// BlacklistOverlap is a rule that refuses some of the same clients.
type BlacklistOverlap struct {
	Rule store.BlacklistRule
	// Covers says that the new rule refuses all clients of this one; else this
	// one refuses all clients of the new rule.
	Covers bool
}

// Note says what the overlap means.
func (o *BlacklistOverlap) Note() string {
	which, where, until := "rule "+o.Rule.ID, "everywhere", "until it is removed"
	if o.Rule.ID == "" {
		which = "a rule of the same list"
	}
	if o.Rule.Namespace != "" {
		where = "in namespace " + quoted(o.Rule.Namespace)
	}
	if !o.Rule.EndsAt.IsZero() {
		until = "until " + o.Rule.EndsAt.UTC().Format("2006-01-02T15:04:05Z")
	}
	if o.Covers {
		return fmt.Sprintf("it refuses all clients of %s (%s, %s, %s); remove that one if this is to take its place",
			which, o.Rule.Network, where, until)
	}
	return fmt.Sprintf("%s (%s, %s, %s) refuses these clients already; this one changes something only once that one is gone",
		which, o.Rule.Network, where, until)
}

// maxOverlaps bounds how many overlaps of a rule are told.
const maxOverlaps = 10

// overlaps are the rules that the new one covers or is covered by, and how
// many there are of them in all.
func (b *blacklisted) overlaps(r *store.BlacklistRule) (some []BlacklistOverlap, all int) {
	note := func(rules iter.Seq2[netip.Prefix, []store.BlacklistRule], covers bool) {
		for network, there := range rules {
			for i := range there {
				if covers && network == r.Network {
					continue // told as covering already
				}
				if all++; len(some) < maxOverlaps {
					some = append(some, BlacklistOverlap{Rule: there[i], Covers: covers})
				}
			}
		}
	}
	note(b.table.Supernets(r.Network), false)
	note(b.table.Subnets(r.Network), true)
	return some, all
}

// share is how much of all addresses of its family the networks cover
// together.
func share(networks iter.Seq[netip.Prefix]) float64 {
	covered := 0.0
	var last netip.Prefix
	for network := range networks { // in order: what is within another follows it
		if last.IsValid() && last.Overlaps(network) {
			continue
		}
		last = network
		covered += math.Ldexp(1, -network.Bits())
	}
	return covered
}

// tooMuch notes when the networks, with the rules there are, would refuse a
// large part of the internet.
func (b *blacklisted) tooMuch(p *problems, field string, networks []netip.Prefix) {
	after := b.own.Clone()
	for _, network := range networks {
		after.Insert(network)
	}
	for _, family := range []struct {
		name          string
		before, after float64
		most, all     float64
	}{
		{"IPv4", share(b.own.AllSorted4()), share(after.AllSorted4()), mostOfIPv4, 1},
		{"IPv6", share(b.own.AllSorted6()), share(after.AllSorted6()), mostOfIPv6, 1.0 / 8},
	} {
		added := family.after - family.before
		if family.after <= family.most || family.before > family.most && added <= littleMore*family.all {
			continue
		}
		p.add(field, fmt.Sprintf("together with the %s there would refuse %.0f%% of the %s internet",
			rulesThere(b.count), 100*min(1, family.after/family.all), family.name),
			"leave out wide networks, or set force if this is meant")
	}
}

func rulesThere(n int) string {
	if n == 1 {
		return "1 rule"
	}
	return strconv.Itoa(n) + " rules"
}

// guardNetwork notes a network that is more likely a slip than a wish: a large
// part of the internet, the caller itself, or what the operator protects.
func (s *Service) guardNetwork(p *problems, a Actor, field string, network netip.Prefix) {
	if !network.IsValid() {
		return
	}
	p.narrow(field, network)
	if own := a.IPAddress.Unmap().WithZone(""); own.IsValid() && network.Contains(own) {
		p.add(field, network.String()+" holds your own address, "+own.String(),
			"name a network without it, or set force if this is meant")
	}
	for _, protected := range s.protected {
		if protected.Overlaps(network) {
			p.add(field, network.String()+" touches "+protected.String()+", which is protected (--protected-networks)",
				"name a network beside it, or set force if this is meant")
		}
	}
}
