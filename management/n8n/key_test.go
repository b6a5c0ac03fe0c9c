package n8n_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"credence/management/n8n"
	"credence/management/remote"
	"credence/test/n8nserver"
)

func TestAListIsReadWholeAndHoldsNobodyElsesKeys(t *testing.T) {
	versions(t, func(f *fixture) {
		f.n8n.AddKeyOfAnother("theirs")
		for i := range 260 { // ten and 250 are pages of n8n
			f.n8n.AddKey(fmt.Sprintf("k%d", i), "tag:list")
		}
		keys, err := f.client.List(f.Context(), f.target)
		f.ok(err)
		if len(keys) != 260 || slices.ContainsFunc(keys, func(k n8n.Key) bool { return k.Label == "theirs" }) {
			f.Errorf("%d keys, want 260 of our own", len(keys))
		}
	})
}

func TestAListThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	var ids []string
	for i := range 300 {
		ids = append(ids, f.n8n.AddKey(fmt.Sprintf("k%d", i), "tag:list"))
	}
	// Between the first page and the second one of the first goes: the second
	// page begins one too late.
	f.n8n.Disrupt("GET", "/rest/api-keys", n8nserver.After(func() { f.n8n.RemoveKey(ids[299]) }))
	keys, err := f.client.List(t.Context(), f.target)
	f.ok(err)
	if len(keys) != 299 || f.n8n.Calls("GET /rest/api-keys") != 4 {
		t.Errorf("%d keys in %d pages, want 299 in 4", len(keys), f.n8n.Calls("GET /rest/api-keys"))
	}
}

func TestKeysOfAnOldVersionAreMadeApartFromEachOther(t *testing.T) {
	f := newFixture(t, n8nserver.Old)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if _, err := f.client.Create(t.Context(), f.target, n8n.Spec{Label: fmt.Sprintf("k%d", i), Scopes: []string{"tag:list"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := f.n8n.Calls("POST /rest/api-keys"); len(f.n8n.Labels()) != 6 || n != 6 {
		t.Errorf("%d keys by %d calls, want 6 by 6", len(f.n8n.Labels()), n)
	}
}

// TestTheSameSecondIsToldFromALabelThatIsTaken: the words are the same.
func TestTheSameSecondIsToldFromALabelThatIsTaken(t *testing.T) {
	f := newFixture(t, n8nserver.Old)
	f.n8n.AddKey("of-this-second", "tag:list") // by somebody else, with the same account
	made := f.made("ours")
	if made.Key.Label != "ours" || f.n8n.Calls("POST /rest/api-keys") != 2 {
		t.Errorf("made %q by %d calls", made.Key.Label, f.n8n.Calls("POST /rest/api-keys"))
	}
	_, err := f.client.Create(t.Context(), f.target, n8n.Spec{Label: "ours", Scopes: []string{"tag:list"}})
	f.wants(err, remote.NameConflict)
	if f.n8n.Calls("POST /rest/api-keys") != 3 {
		t.Error("a label that is taken was tried again")
	}
}

func TestALabelThatIsTakenIsAConflictAndIsNotTriedAgain(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	f.made("taken")
	_, err := f.client.Create(t.Context(), f.target, n8n.Spec{Label: "taken", Scopes: []string{"tag:list"}})
	f.wants(err, remote.NameConflict)
	if f.n8n.Calls("POST /rest/api-keys") != 2 {
		t.Errorf("%d creates, want 2", f.n8n.Calls("POST /rest/api-keys"))
	}
}

// TestACreateThatWasNotAnsweredIsNotRepeated: the caller learns that it may
// have happened, and finds out by the label.
func TestACreateThatWasNotAnsweredIsNotRepeated(t *testing.T) {
	for title, c := range map[string]struct {
		how  n8nserver.How
		made bool
	}{
		"the answer is lost":       {n8nserver.LoseAnswer, true},
		"the call is lost":         {n8nserver.LoseCall, false},
		"a proxy gives up":         {n8nserver.StatusAfter(504), true},
		"a proxy finds nobody":     {n8nserver.Status(502), false},
		"something else answers":   {n8nserver.Text("text/html", "<html>editor</html>"), false},
		"the answer is no key":     {n8nserver.Text("application/json", `{"data":{"id":"x","apiKey":"hidden"}}`), false},
		"the answer is cut":        {n8nserver.Text("application/json", `{"data":{"id":"x","rawApiKey":"eyJ.hidden.x`), false},
		"the answer has no end":    {n8nserver.Huge, false},
		"a wall forbids":           {n8nserver.Answer(403, "text/html", "no"), false},
		"a gate wants a login":     {n8nserver.Answer(401, "text/html", "log in"), false},
		"a page is not found":      {n8nserver.Answer(404, "text/html", "no page"), false},
		"the answer is a redirect": {n8nserver.Redirect("https://elsewhere.example/"), false},
	} {
		t.Run(title, func(t *testing.T) {
			versions(t, func(f *fixture) {
				_, err := f.client.List(f.Context(), f.target)
				f.ok(err)
				f.n8n.Disrupt("POST", "/rest/api-keys", c.how)
				_, err = f.client.Create(f.Context(), f.target, n8n.Spec{Label: "ci-bot-7f3a9c", Scopes: []string{"tag:list"}})
				if f.n8n.Calls("POST /rest/api-keys") != 1 {
					f.Fatalf("%d creates, want 1", f.n8n.Calls("POST /rest/api-keys"))
				}
				p := f.failure(err, remote.KindOf(err))
				if !p.Uncertain {
					f.Errorf("%s is certain", p.Kind)
				}
				if strings.Contains(fmt.Sprintf("%v %+v", err, p), "hidden") {
					f.Error("the error quotes the answer")
				}
				key, there, err := f.client.Find(f.Context(), f.target, "ci-bot-7f3a9c")
				f.ok(err)
				if there != c.made {
					f.Errorf("found: %v", there)
				}
				if there {
					f.ok(f.client.Delete(f.Context(), f.target, key.ID))
					f.made("ci-bot-7f3a9c")
				}
			})
		})
	}
}

func TestARotationThatWasNotAnsweredIsSimplyDoneAgain(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	first := f.made("ci-bot-7f3a9c")
	f.n8n.Disrupt("POST", "/rest/api-keys/", n8nserver.LoseAnswer)
	_, err := f.client.Rotate(t.Context(), f.target, first.Key.ID)
	if p := f.failure(err, remote.Unavailable); !p.Uncertain {
		t.Error("it is not said that it may have happened")
	}
	if v := f.client.Verify(t.Context(), f.target, first.Secret); v.Outcome != remote.Invalid {
		t.Errorf("the old secret is %s", v.Outcome)
	}
	again, err := f.client.Rotate(t.Context(), f.target, first.Key.ID)
	f.ok(err)
	if v := f.client.Verify(t.Context(), f.target, again.Secret); v.Outcome != remote.Valid {
		t.Errorf("the new secret is %s", v.Outcome)
	}
}

func TestEndsAreSecondsAndWhatNobodyCanMeanIsTheLastInstant(t *testing.T) {
	versions(t, func(f *fixture) {
		end := f.clock.Now().Add(90*24*time.Hour + 123456*time.Microsecond)
		m, err := f.client.Create(f.Context(), f.target, n8n.Spec{Label: "ends", Scopes: []string{"tag:list"}, ExpiresAt: end})
		f.ok(err)
		if !m.Key.ExpiresAt.Equal(end.Truncate(time.Second)) {
			f.Errorf("ends at %s", m.Key.ExpiresAt)
		}
		far := f.n8n.AddKeyEnding("milliseconds", end.UnixMilli())
		keys, err := f.client.List(f.Context(), f.target)
		f.ok(err)
		i := slices.IndexFunc(keys, func(k n8n.Key) bool { return k.ID == far })
		if i < 0 || keys[i].ExpiresAt.Year() != 9999 {
			f.Errorf("read as %+v", keys)
		}
	})
}

func TestDeletingWhatIsGoneSucceedsAndOnlyTheRightKindOfMissingIsGone(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	f.ok(f.client.Delete(t.Context(), f.target, "doesnotexist0000"))
	f.n8n.Start(true)
	f.wants(f.client.Delete(t.Context(), f.target, "doesnotexist0000"), remote.Unavailable)
}

// TestAnIDIsNoPath: what comes from a table cannot name another endpoint.
func TestAnIDIsNoPath(t *testing.T) {
	f := newFixture(t, n8nserver.New)
	_ = f.client.Delete(t.Context(), f.target, "../login")
	_ = f.client.Delete(t.Context(), f.target, "x/rotate?y=1")
	for _, path := range []string{"DELETE /rest/login", "DELETE /rest/api-keys/x/rotate"} {
		if strings.HasPrefix(path, "DELETE /rest/login") && f.n8n.Calls(path) != 0 {
			t.Errorf("%s was called", path)
		}
	}
}
