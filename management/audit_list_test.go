package management_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
	"credence/store/seal"
)

// ids names the entries of a page.
func ids(page management.AuditPage) string {
	var out []string
	for i := range page.Items {
		out = append(out, management.AuditID(&page.Items[i].AuditEntry))
	}
	return strings.Join(out, " ")
}

func TestTheAuditLogIsListedByWhatItIsAskedForWithDetailsOpened(t *testing.T) {
	f := newFixture(t) // a:1 and b:1 are the namespaces
	f.advance(time.Minute)
	k := f.key(management.KeyCreate{Namespace: "a", Name: "orders"}).Key
	f.advance(time.Minute)
	f.plan("b", "basic")
	f.rule(management.BlacklistAdd{Network: "192.0.2.1"})
	for _, c := range []struct {
		in   management.AuditList
		want string
	}{
		{management.AuditList{}, ":1 b:2 a:2 b:1 a:1"},
		{management.AuditList{Namespace: "a"}, "a:2 a:1"},
		{management.AuditList{Global: true}, ":1"},
		{management.AuditList{KeyID: k.KeyID}, "a:2"},
		{management.AuditList{Action: "plan.create"}, "b:2"},
		{management.AuditList{Object: "plan:basic"}, "b:2"},
		{management.AuditList{Actor: global.ID}, ":1 b:2 a:2 b:1 a:1"},
		{management.AuditList{Actor: "token:other"}, ""},
		{management.AuditList{Since: start.Add(time.Minute), Until: start.Add(2 * time.Minute)}, "a:2"},
	} {
		page, err := f.AuditList(t.Context(), global, c.in)
		must(t, err)
		if got := ids(page); got != c.want || page.Next != "" {
			t.Errorf("%+v lists %q, want %q", c.in, got, c.want)
		}
	}
	first, err := f.AuditList(t.Context(), global, management.AuditList{Page: management.PageInput{Limit: 2}})
	must(t, err)
	f.plan("b", "more") // written between two pages
	second, err := f.AuditList(t.Context(), global, management.AuditList{Page: management.PageInput{Limit: 3, Cursor: first.Next}})
	must(t, err)
	if got := ids(first) + " | " + ids(second); got != ":1 b:2 | a:2 b:1 a:1" {
		t.Errorf("pages %s", got)
	}
	var d details
	must(t, json.Unmarshal(second.Items[0].Opened, &d))
	if d.After["name"] != "orders" || second.Items[0].Unreadable {
		t.Errorf("details %v", d)
	}
	read, err := f.AuditRead(t.Context(), global, "a:2")
	must(t, err)
	if read.KeyID != k.KeyID || string(read.Opened) != string(second.Items[0].Opened) {
		t.Errorf("entry a:2 reads as %+v", read)
	}
}

func TestALimitedActorSeesItsChainsAndNotTheGlobalOne(t *testing.T) {
	f := newFixture(t)
	f.rule(management.BlacklistAdd{Network: "192.0.2.1"})
	for _, in := range []management.AuditList{{}, {Namespace: "a"}} {
		page, err := f.AuditList(t.Context(), onlyA, in)
		must(t, err)
		if got := ids(page); got != "a:1" {
			t.Errorf("%+v lists %q", in, got)
		}
	}
	page, err := f.AuditList(t.Context(), onlyA, management.AuditList{Global: true})
	must(t, err)
	if len(page.Items) > 0 {
		t.Error("the global chain is shown to an actor of one namespace")
	}
	for _, id := range []string{":1", "b:1", "none:1", "a:9", "a", "a:", "a:x", "", "a:1\x00"} {
		_, err := f.AuditRead(t.Context(), onlyA, id)
		refused(t, err, management.CodeNotFound)
	}
}

func TestEntriesWhoseDetailsDoNotOpenAreListedAllTheSame(t *testing.T) {
	f := newFixture(t)
	other, err := seal.NewKeyset()
	must(t, err)
	page, err := f.over(store.New(f.db, other, f.clock)).AuditList(t.Context(), global, management.AuditList{Namespace: "a"})
	must(t, err)
	if ids(page) != "a:1" || page.Items[0].Opened != nil || !page.Items[0].Unreadable {
		t.Errorf("listed %+v", page)
	}
	if !strings.Contains(f.log.String(), "cannot be opened") {
		t.Error("the log says nothing of it")
	}
}

func TestWhatNoEntryCanHoldIsNotLookedFor(t *testing.T) {
	f := newFixture(t)
	for field, in := range map[string]management.AuditList{
		"global":    {Global: true, Namespace: "a"},
		"limit":     {Page: management.PageInput{Limit: 501}},
		"actor":     {Actor: "a\x00b"},
		"action":    {Action: strings.Repeat("a", 257)},
		"object":    {Object: "\xff"},
		"key_id":    {KeyID: "a\nb"},
		"namespace": {Namespace: "a\x00"},
	} {
		_, err := f.AuditList(t.Context(), global, in)
		blames(t, err, field)
	}
}
