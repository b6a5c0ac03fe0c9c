package management_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

// messages joins what is wrong with an input.
func messages(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestManyNarrowRulesAreAsBadAsOneWideOne(t *testing.T) {
	for title, c := range map[string]struct {
		networks []string
		refused  string // the first that is
	}{
		"IPv4, sixteen /8 are let through, the next is not": {eights(17), "17.0.0.0/8"},
		"IPv4, two halves, the first was forced":            {[]string{"!0.0.0.0/1", "128.0.0.0/1"}, "128.0.0.0/1"},
		"IPv4, beyond a forced half by /8":                  {[]string{"!0.0.0.0/1", "200.0.0.0/8"}, "200.0.0.0/8"},
		"IPv4, beyond a forced half by a /24":               {[]string{"!0.0.0.0/1", "200.0.0.0/24"}, ""},
		"IPv4, within a forced half":                        {[]string{"!0.0.0.0/1", "10.0.0.0/8"}, ""},
		"IPv6, two halves of what is given out":             {[]string{"!2000::/4", "3000::/4"}, "3000::/4"},
		"IPv6, beyond a forced half by a /19":               {[]string{"!2000::/4", "3000::/19"}, ""},
		"IPv6, beyond a forced half by a /18":               {[]string{"!2000::/4", "3000::/18"}, "3000::/18"},
	} {
		t.Run(title, func(t *testing.T) {
			f := newFixture(t)
			for _, network := range c.networks {
				plain, forced := strings.CutPrefix(network, "!")
				_, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: plain, Reason: "r", Force: forced})
				if network == c.refused {
					blames(t, err, "network")
					return
				}
				must(t, err)
			}
			if c.refused != "" {
				t.Errorf("%s was let through", c.refused)
			}
		})
	}
}

func eights(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%d.0.0.0/8", i+1))
	}
	return all
}

func TestAListIsJudgedByTheUnionOfItsNetworksAndOfThoseThere(t *testing.T) {
	f := newFixture(t)
	in := management.BlacklistImport{Reason: "r", Force: false}
	for _, network := range eights(17) {
		in.Rules = append(in.Rules, management.BlacklistImportRow{Network: network})
	}
	_, err := f.BlacklistImport(t.Context(), global, in)
	blames(t, err, "rules")
	in.Rules = in.Rules[:16]
	_, err = f.BlacklistImport(t.Context(), global, in)
	must(t, err)
	_, err = f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: "203.0.0.0/16", Reason: "r"})
	blames(t, err, "network")
	// A namespace's rules refuse its own clients only: they are judged alone.
	_, err = f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Namespace: "a", Network: "203.0.0.0/16", Reason: "r"})
	must(t, err)
}

func TestNobodyRefusesThemselvesOrWhatIsProtectedUnlessForced(t *testing.T) {
	f := newFixture(t)
	service := f.with(func(o *management.Options) {
		o.ProtectedNetworks = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	})
	admin := global
	admin.IPAddress = netip.MustParseAddr("203.0.113.9")
	for title, c := range map[string]struct{ network, says string }{
		"own address":              {"203.0.113.9", "your own address"},
		"network of own address":   {"203.0.113.0/24", "your own address"},
		"within what is protected": {"198.51.100.7", "protected"},
		"around what is protected": {"198.51.0.0/16", "protected"},
		"protected, IPv6":          {"2001:db8:1::/48", "protected"},
	} {
		t.Run(title, func(t *testing.T) {
			for _, namespace := range []string{"", "a"} {
				in := management.BlacklistAdd{Namespace: namespace, Network: c.network, Reason: "r"}
				_, err := service.BlacklistAdd(t.Context(), admin, in)
				blames(t, err, "network")
				if !strings.Contains(messages(err), c.says) {
					t.Errorf("%v does not say %q", err, c.says)
				}
				in.Force = true
				_, err = service.BlacklistAdd(t.Context(), admin, in)
				must(t, err)
			}
		})
	}
	_, err := service.BlacklistAdd(t.Context(), admin, management.BlacklistAdd{Network: "203.0.114.0/24", Reason: "r"})
	must(t, err)
}

func TestForceAndRulesForEverywhereAreForAdmins(t *testing.T) {
	f := newFixture(t)
	rule := f.rule(management.BlacklistAdd{Network: "192.0.2.7"})
	operator := global
	operator.Role = store.RoleOperator
	_, err := f.BlacklistAdd(t.Context(), operator, management.BlacklistAdd{Network: "192.0.2.8", Reason: "r"})
	refused(t, err, management.CodeForbidden)
	_, err = f.BlacklistAdd(t.Context(), operator, management.BlacklistAdd{Namespace: "a", Network: "192.0.2.8", Reason: "r", Force: true})
	refused(t, err, management.CodeForbidden)
	_, err = f.BlacklistImport(t.Context(), operator, management.BlacklistImport{Reason: "r", Rules: []management.BlacklistImportRow{{Network: "192.0.2.8"}}})
	refused(t, err, management.CodeForbidden)
	_, err = f.BlacklistRemove(t.Context(), operator, rule.ID)
	refused(t, err, management.CodeForbidden)
	_, err = f.BlacklistRulesRemove(t.Context(), operator, management.BlacklistRulesRemove{Everything: true})
	refused(t, err, management.CodeForbidden)
	_, err = f.BlacklistAdd(t.Context(), operator, management.BlacklistAdd{Namespace: "a", Network: "192.0.2.8", Reason: "r"})
	must(t, err)
}

func TestARuleSaysWhichOthersItMeets(t *testing.T) {
	f := newFixture(t)
	wide := f.rule(management.BlacklistAdd{Network: "203.0.0.0/16"})
	narrow := f.rule(management.BlacklistAdd{Network: "203.0.113.7"})
	inA := f.rule(management.BlacklistAdd{Namespace: "a", Network: "203.0.113.8", For: "1h"})
	f.rule(management.BlacklistAdd{Namespace: "b", Network: "198.51.100.0/24"})
	added, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: "203.0.113.0/24", Reason: "r"})
	must(t, err)
	meets(t, added.Overlaps, map[string]bool{wide.ID: false, narrow.ID: true, inA.ID: true})
	// Who is limited to a namespace does not learn of the rules of others.
	own, err := f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Namespace: "a", Network: "203.0.113.0/25", Reason: "r"})
	must(t, err)
	meets(t, own.Overlaps, map[string]bool{inA.ID: true})
	f.advance(time.Hour)
	again, err := f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Namespace: "a", Network: "203.0.113.0/26", Reason: "r"})
	must(t, err)
	meets(t, again.Overlaps, map[string]bool{own.Rule.ID: false}) // the other has ended
}

// meets checks which rules a new one overlaps, and whether it covers them.
func meets(t *testing.T, got []management.BlacklistOverlap, want map[string]bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d overlaps, want %d: %+v", len(got), len(want), got)
	}
	for i := range got {
		o := &got[i]
		if covers, wanted := want[o.Rule.ID]; !wanted || covers != o.Covers {
			t.Errorf("overlap with %s (%s), covers %v", o.Rule.ID, o.Rule.Network, o.Covers)
		}
		if !strings.Contains(o.Note(), o.Rule.ID) || !strings.Contains(o.Note(), o.Rule.Network.String()) {
			t.Errorf("note %q does not name the rule", o.Note())
		}
	}
}
