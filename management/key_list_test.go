package management_test

import (
	"slices"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

func names(keys []store.Key) []string {
	var out []string
	for _, k := range keys {
		out = append(out, k.Name)
	}
	slices.Sort(out)
	return out
}

func TestKeyListNarrows(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "basic")
	f.owner("a", "team")
	f.key(management.KeyCreate{Name: "plain"})
	f.key(management.KeyCreate{Name: "in-a", Namespace: "a", Plan: "basic", Owner: "team", KeyType: "user", Scopes: []string{"r"}, Labels: map[string]string{"l": "1"}})
	f.key(management.KeyCreate{Name: "short", Namespace: "b", ExpiresIn: "1h"})
	off := f.key(management.KeyCreate{Name: "off", Namespace: "b"}).Key
	_, err := f.KeyDisable(t.Context(), global, management.KeyStatusChange{KeyID: off.KeyID})
	must(t, err)
	f.advance(2 * time.Hour)
	for title, c := range map[string]struct {
		in   management.KeyList
		want []string
	}{
		"everything":      {management.KeyList{}, []string{"in-a", "off", "plain", "short"}},
		"namespace":       {management.KeyList{Namespace: "b"}, []string{"off", "short"}},
		"no such one":     {management.KeyList{Namespace: "zzz"}, nil},
		"owner":           {management.KeyList{Owner: "team"}, []string{"in-a"}},
		"plan":            {management.KeyList{Plan: "basic"}, []string{"in-a"}},
		"key type":        {management.KeyList{KeyType: "user"}, []string{"in-a"}},
		"status":          {management.KeyList{Status: "disabled"}, []string{"off"}},
		"expired":         {management.KeyList{Status: "expired"}, []string{"short"}},
		"name prefix":     {management.KeyList{NamePrefix: "in"}, []string{"in-a"}},
		"scope":           {management.KeyList{Scope: "r"}, []string{"in-a"}},
		"label":           {management.KeyList{Label: "l=1"}, []string{"in-a"}},
		"other label":     {management.KeyList{Label: "l=2"}, nil},
		"expires by then": {management.KeyList{ExpiresBy: start.Add(3 * time.Hour)}, []string{"short"}},
	} {
		t.Run(title, func(t *testing.T) {
			got, err := f.KeyList(t.Context(), global, c.in)
			must(t, err)
			if !slices.Equal(names(got.Items), c.want) {
				t.Errorf("got %v, want %v", names(got.Items), c.want)
			}
		})
	}
}

func TestListsRefuseWhatTheyCannotNarrowBy(t *testing.T) {
	f := newFixture(t)
	for field, in := range map[string]management.KeyList{
		"key_type": {KeyType: "robot"}, "status": {Status: "gone"}, "label": {Label: "team"},
		"limit": {Page: management.PageInput{Limit: store.MaxPage + 1}}, "expires_by": {ExpiresBy: time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := f.KeyList(t.Context(), global, in)
		blames(t, err, field)
	}
	bad := management.PageInput{Limit: -1}
	_, err := f.PlanList(t.Context(), global, management.PlanList{Page: bad})
	blames(t, err, "limit")
	_, err = f.OwnerList(t.Context(), global, management.OwnerList{Page: bad})
	blames(t, err, "limit")
	_, err = f.NamespaceList(t.Context(), global, management.NamespaceList{Page: bad})
	blames(t, err, "limit")
	_, err = f.BlacklistList(t.Context(), global, management.BlacklistList{Page: bad})
	blames(t, err, "limit")
	_, err = f.BlacklistList(t.Context(), global, management.BlacklistList{Global: true, Namespace: "a"})
	blames(t, err, "global")
}

func TestPagesTogetherAreTheWholeList(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		f.key(management.KeyCreate{Name: name, Namespace: "a"})
	}
	many := management.Actor{ID: "token:tok_m", Role: store.RoleViewer, Namespaces: []string{"zzz", "default", "b", "a", "a"}}
	for title, count := range map[string]func(page management.PageInput) (int, store.Cursor, error){
		"keys": func(page management.PageInput) (int, store.Cursor, error) {
			got, err := f.KeyList(t.Context(), onlyA, management.KeyList{Page: page})
			return len(got.Items), got.Next, err
		},
		"own namespaces": func(page management.PageInput) (int, store.Cursor, error) {
			got, err := f.NamespaceList(t.Context(), many, management.NamespaceList{Page: page})
			return len(got.Items), got.Next, err
		},
		"all namespaces": func(page management.PageInput) (int, store.Cursor, error) {
			got, err := f.NamespaceList(t.Context(), global, management.NamespaceList{Page: page})
			return len(got.Items), got.Next, err
		},
	} {
		t.Run(title, func(t *testing.T) {
			want := map[string]int{"keys": 5, "own namespaces": 3, "all namespaces": 3}[title]
			total, page := 0, management.PageInput{Limit: 2}
			for range 10 {
				n, next, err := count(page)
				must(t, err)
				if n > 2 {
					t.Fatalf("page of %d", n)
				}
				total += n
				if page.Cursor = next; next == "" {
					break
				}
			}
			if total != want || page.Cursor != "" {
				t.Errorf("got %d items, want %d", total, want)
			}
		})
	}
}
