package management_test

import (
	"fmt"
	"strings"
	"testing"

	"credence/management"
)

func TestDeletingWhatKeysNeedIsRefusedWithTheListOfThem(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "gold")
	f.owner("a", "team")
	for n := range 22 {
		f.key(management.KeyCreate{Namespace: "a", Name: fmt.Sprintf("key %d", n), Plan: "gold"})
	}
	owned := f.key(management.KeyCreate{Namespace: "a", Name: "owned", Owner: "team"}).Key
	_, err := f.PlanDelete(t.Context(), global, management.PlanDelete{Namespace: "a", Name: "gold"})
	e := refused(t, err, management.CodeInUse)
	if len(e.Fields) != 20 || e.Message != `plan "gold": still in use by these keys, and by more` || !strings.HasSuffix(e.Fields[0].Problem, ", active, needs it") {
		t.Errorf("%d named: %s, %+v", len(e.Fields), e.Message, e.Fields[0])
	}
	_, err = f.OwnerDelete(t.Context(), global, management.OwnerDelete{Namespace: "a", Name: "team"})
	e = refused(t, err, management.CodeInUse)
	if len(e.Fields) != 1 || e.Fields[0].Field != owned.KeyID || e.Fields[0].Remedy == "" {
		t.Errorf("named: %+v", e.Fields)
	}
	_, err = f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: owned.KeyID, Version: 1, Owner: management.Null[string]()})
	must(t, err)
	_, err = f.OwnerDelete(t.Context(), global, management.OwnerDelete{Namespace: "a", Name: "team"})
	must(t, err)
}

func TestAListStaysCorrectWhileKeysAreAddedAndTaken(t *testing.T) {
	f := newFixture(t)
	want := map[string]bool{}
	for range 7 {
		want[f.key(management.KeyCreate{Namespace: "a"}).Key.KeyID] = true
		f.advance(1e6) // ids are in order of time
	}
	seen := map[string]int{}
	in := management.KeyList{Namespace: "a", Page: management.PageInput{Limit: 2}}
	for more := true; more; more = in.Page.Cursor != "" {
		page, err := f.KeyList(t.Context(), global, in)
		must(t, err)
		for _, k := range page.Items {
			seen[k.KeyID]++
		}
		f.advance(1e6)
		f.key(management.KeyCreate{Namespace: "a", Name: "added meanwhile"})
		last := page.Items[len(page.Items)-1].KeyID // where the next part begins
		_, err = f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: last})
		must(t, err)
		_, err = f.KeyPurge(t.Context(), global, management.KeyPurge{KeyID: last})
		must(t, err)
		in.Page.Cursor = page.Next
	}
	for id := range want {
		if seen[id] != 1 {
			t.Errorf("%s was listed %d times", id, seen[id])
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d keys were listed, want %d", len(seen), len(want))
	}
}

func TestKeysAreFoundByAPartOfTheirNameAndWhileTheyRotate(t *testing.T) {
	f := newFixture(t)
	orders := f.key(management.KeyCreate{Namespace: "a", Name: "EU Orders_100%"}).Key
	f.key(management.KeyCreate{Namespace: "a", Name: "billing"})
	for text, want := range map[string]int{"orders": 1, "S_100%": 1, "s%1": 0, "i": 1, "": 2} {
		page, err := f.KeyList(t.Context(), global, management.KeyList{Name: text})
		must(t, err)
		if len(page.Items) != want {
			t.Errorf("%q finds %d keys, want %d", text, len(page.Items), want)
		}
	}
	_, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: orders.KeyID})
	must(t, err)
	page, err := f.KeyList(t.Context(), global, management.KeyList{Rotating: true})
	must(t, err)
	if len(page.Items) != 1 || page.Items[0].KeyID != orders.KeyID {
		t.Errorf("rotating are %+v", page.Items)
	}
}
