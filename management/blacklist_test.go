package management_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"credence/management"
	"credence/store"
)

func TestABlacklistRuleIsStoredWithTheJobThatEndsIt(t *testing.T) {
	f := newFixture(t)
	added, err := f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Namespace: "a", Network: "::ffff:203.0.113.9", Reason: "scanning", For: "1h"})
	must(t, err)
	want := store.BlacklistRule{
		ID: added.Rule.ID, Namespace: "a", Network: netip.MustParsePrefix("203.0.113.9/32"), Reason: "scanning",
		EndsAt: start.Add(time.Hour), CreatedBy: onlyA.ID, CreatedAt: start,
	}
	read, err := f.BlacklistRead(t.Context(), onlyA, added.Rule.ID)
	must(t, err)
	listed, err := f.BlacklistList(t.Context(), onlyA, management.BlacklistList{})
	must(t, err)
	for _, got := range append(listed.Items, added.Rule, read) {
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
			t.Error(diff)
		}
	}
	jobs := table(f.dump(), "river_job")
	if len(jobs) != 1 || !strings.Contains(jobs[0], "blacklist_expire") || !strings.Contains(jobs[0], added.Rule.ID) {
		t.Errorf("jobs: %v", jobs)
	}
	entry, d := f.last("a")
	if entry.Action != "blacklist.add" || d.After["network"] != "203.0.113.9/32" || d.After["reason"] != "scanning" {
		t.Errorf("audit entry %s with %v", entry.Action, d)
	}
}

func TestARuleWithoutAnEndHasNoJob(t *testing.T) {
	f := newFixture(t)
	rule := f.rule(management.BlacklistAdd{Network: "2001:db8::/32"})
	if !rule.EndsAt.IsZero() {
		t.Errorf("ends at %v", rule.EndsAt)
	}
	if jobs := table(f.dump(), "river_job"); len(jobs) != 0 {
		t.Errorf("jobs: %v", jobs)
	}
}

func TestBlacklistAddNamesTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	ok := management.BlacklistAdd{Network: "192.0.2.0/24", Reason: "r"}
	for title, c := range map[string]struct {
		field  string
		change func(in *management.BlacklistAdd)
	}{
		"no network":         {"network", func(in *management.BlacklistAdd) { in.Network = "" }},
		"no address":         {"network", func(in *management.BlacklistAdd) { in.Network = "192.0.2" }},
		"host bits":          {"network", func(in *management.BlacklistAdd) { in.Network = "192.0.2.1/24" }},
		"all of IPv4":        {"network", func(in *management.BlacklistAdd) { in.Network = "0.0.0.0/0" }},
		"all of IPv6":        {"network", func(in *management.BlacklistAdd) { in.Network = "::/0" }},
		"wider than /8":      {"network", func(in *management.BlacklistAdd) { in.Network = "10.0.0.0/7" }},
		"wider than /19":     {"network", func(in *management.BlacklistAdd) { in.Network = "2000::/18" }},
		"no reason":          {"reason", func(in *management.BlacklistAdd) { in.Reason = "" }},
		"reason of lines":    {"reason", func(in *management.BlacklistAdd) { in.Reason = "a\r\nb" }},
		"long reason":        {"reason", func(in *management.BlacklistAdd) { in.Reason = strings.Repeat("x", 257) }},
		"ended already":      {"ends_at", func(in *management.BlacklistAdd) { in.EndsAt = start }},
		"two ends":           {"for", func(in *management.BlacklistAdd) { in.EndsAt, in.For = start.Add(time.Hour), "1h" }},
		"no duration":        {"for", func(in *management.BlacklistAdd) { in.For = "a while" }},
		"unknown namespace":  {"namespace", func(in *management.BlacklistAdd) { in.Namespace = "nowhere" }},
		"bad idempotency":    {"idempotency_key", func(in *management.BlacklistAdd) { in.Idempotency.Key = "a\n" }},
		"mapped, everything": {"network", func(in *management.BlacklistAdd) { in.Network = "::ffff:0:0/96" }},
	} {
		t.Run(title, func(t *testing.T) {
			in := ok
			c.change(&in)
			_, err := f.BlacklistAdd(t.Context(), global, in)
			blames(t, err, c.field)
		})
	}
	if rules := table(f.dump(), "ip_blacklist"); len(rules) != 0 {
		t.Errorf("refused inputs left rules behind: %v", rules)
	}
}

func TestForceLetsAWideNetworkThrough(t *testing.T) {
	f := newFixture(t)
	for _, network := range []string{"0.0.0.0/0", "::/0", "10.0.0.0/7"} {
		f.rule(management.BlacklistAdd{Network: network, Force: true})
	}
	f.rule(management.BlacklistAdd{Network: "10.0.0.0/8"})
	f.rule(management.BlacklistAdd{Network: "2001::/19"})
}

func TestASecondRuleForTheSameNetworkIsAConflictThatNamesTheFirst(t *testing.T) {
	f := newFixture(t)
	first := f.rule(management.BlacklistAdd{Network: "192.0.2.7", For: "1h"})
	before := f.dump()
	_, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: "192.0.2.7/32", Reason: "again"})
	if e := refused(t, err, management.CodeConflict); !strings.Contains(e.Message, first.ID) {
		t.Errorf("message %q does not name rule %s", e.Message, first.ID)
	}
	if after := f.dump(); after != before {
		t.Error(cmp.Diff(before, after))
	}
	f.rule(management.BlacklistAdd{Network: "192.0.2.7", Namespace: "a"})
}

func TestARuleThatHasEndedDoesNotStandInTheWayOfANewOne(t *testing.T) {
	f := newFixture(t)
	first := f.rule(management.BlacklistAdd{Network: "192.0.2.7", For: "1h"})
	f.advance(time.Hour)
	second := f.rule(management.BlacklistAdd{Network: "192.0.2.7", For: "1h"})
	_, err := f.BlacklistRead(t.Context(), global, first.ID)
	refused(t, err, management.CodeNotFound)
	if !second.EndsAt.Equal(start.Add(2 * time.Hour)) {
		t.Errorf("ends at %v", second.EndsAt)
	}
	actions := []string{}
	for _, e := range f.entries("") {
		actions = append(actions, e.Action)
	}
	if diff := cmp.Diff([]string{"blacklist.add", "blacklist.expire", "blacklist.add"}, actions); diff != "" {
		t.Error(diff)
	}
}

func TestBlacklistRemoveEndsARule(t *testing.T) {
	f := newFixture(t)
	rule := f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.7"})
	position, err := f.BlacklistRemove(t.Context(), onlyA, rule.ID)
	must(t, err)
	if position.Revision == 0 {
		t.Error("removed without a change in the feed")
	}
	_, err = f.BlacklistRemove(t.Context(), onlyA, rule.ID)
	refused(t, err, management.CodeNotFound)
	if entry, d := f.last("a"); entry.Action != "blacklist.remove" || d.Before["network"] != "192.0.2.7/32" {
		t.Errorf("audit entry %s with %v", entry.Action, d)
	}
}

func TestBlacklistExpireRemovesARuleAtItsEndAndNotBefore(t *testing.T) {
	f := newFixture(t)
	rule := f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.7", For: "1h"})
	f.advance(time.Hour - time.Microsecond)
	again, err := f.BlacklistExpire(t.Context(), rule.ID)
	must(t, err)
	if !again.Equal(rule.EndsAt) {
		t.Errorf("too early: call again at %v, want %v", again, rule.EndsAt)
	}
	f.advance(time.Microsecond)
	for range 2 {
		again, err = f.BlacklistExpire(t.Context(), rule.ID)
		must(t, err)
		if !again.IsZero() {
			t.Errorf("gone, but call again at %v", again)
		}
	}
	entries := f.entries("a")
	last := entries[len(entries)-1]
	if last.Action != "blacklist.expire" || last.Actor != "job:blacklist_expire" {
		t.Errorf("audit entry %s by %s", last.Action, last.Actor)
	}
	if before := entries[len(entries)-2]; before.Action != "blacklist.add" {
		t.Errorf("expiring twice recorded %s before", before.Action)
	}
}

func TestGlobalRulesAreForGlobalActors(t *testing.T) {
	f := newFixture(t)
	everywhere := f.rule(management.BlacklistAdd{Network: "192.0.2.7"})
	f.advance(time.Millisecond) // ids are in order of time
	inA := f.rule(management.BlacklistAdd{Namespace: "a", Network: "192.0.2.7"})
	_, err := f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Network: "192.0.2.8", Reason: "r"})
	refused(t, err, management.CodeForbidden)
	for title, c := range map[string]struct {
		actor management.Actor
		in    management.BlacklistList
		want  []string
	}{
		"all":               {global, management.BlacklistList{}, []string{everywhere.ID, inA.ID}},
		"global only":       {global, management.BlacklistList{Global: true}, []string{everywhere.ID}},
		"one namespace":     {global, management.BlacklistList{Namespace: "a"}, []string{inA.ID}},
		"limited":           {onlyA, management.BlacklistList{}, []string{inA.ID}},
		"limited, global":   {onlyA, management.BlacklistList{Global: true}, nil},
		"another namespace": {onlyA, management.BlacklistList{Namespace: "b"}, nil},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := f.BlacklistList(t.Context(), c.actor, c.in)
			must(t, err)
			var ids []string
			for _, r := range got.Items {
				ids = append(ids, r.ID)
			}
			if diff := cmp.Diff(c.want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// flood makes that many rules of a namespace, "" for all.
func (f *fixture) flood(namespace string, most int) {
	f.t.Helper()
	must(f.t, f.store.Transact(f.t.Context(), func(ctx context.Context, w store.Writer) error {
		address := netip.MustParseAddr("198.18.0.0")
		for i := range most {
			err := w.InsertBlacklistRule(ctx, store.BlacklistRule{
				ID: fmt.Sprintf("blk_%s%06d", namespace, i), Namespace: namespace, Network: netip.PrefixFrom(address, 32), Reason: "r",
				CreatedBy: "test", CreatedAt: start,
			})
			if err != nil {
				return err
			}
			address = address.Next()
		}
		return nil
	}))
}

// Every replica holds all rules; one namespace's flood must not be what fills
// them.
func TestANamespaceCannotFloodTheBlacklist(t *testing.T) {
	f := newFixture(t)
	f.flood("a", 10_000)
	_, err := f.BlacklistAdd(t.Context(), onlyA, management.BlacklistAdd{Namespace: "a", Network: "203.0.113.9", Reason: "one too many"})
	refused(t, err, management.CodeConflict)
	if _, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Namespace: "b", Network: "203.0.113.9", Reason: "its own"}); err != nil {
		t.Errorf("another namespace is full too: %v", err)
	}
}

// Rules for all namespaces and those of namespaces take no room from each
// other: who has many namespaces cannot keep the platform from refusing an
// address, nor the other way round.
func TestRulesOfNamespacesTakeNoRoomFromThoseForAll(t *testing.T) {
	f := newFixture(t)
	for n := range 10 {
		name := fmt.Sprintf("tenant%d", n)
		_, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: name})
		must(t, err)
		f.flood(name, 10_000)
	}
	_, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Namespace: "b", Network: "203.0.113.9", Reason: "one too many"})
	refused(t, err, management.CodeConflict)
	f.rule(management.BlacklistAdd{Network: "203.0.113.9"})
}
