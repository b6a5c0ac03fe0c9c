package management_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/store"
)

func (f *fixture) keysOf(owner string, n int) []store.Key {
	f.t.Helper()
	f.owner("a", owner)
	out := make([]store.Key, n)
	for i := range out {
		out[i] = f.key(management.KeyCreate{Namespace: "a", Owner: owner, Name: fmt.Sprintf("%s %d", owner, i)}).Key
	}
	return out
}

func revokeOf(owner string) management.KeysRevoke {
	return management.KeysRevoke{Filter: management.KeyList{Owner: owner}, Reason: "dissolved"}
}

func (f *fixture) statusOf(id string) store.Status {
	f.t.Helper()
	k, err := f.KeyRead(f.t.Context(), global, id)
	must(f.t, err)
	return k.Status
}

func TestManyKeysAreRevokedAfterADryRunAndEachIsAudited(t *testing.T) {
	f := newFixture(t)
	theirs, others := f.keysOf("team", 3), f.keysOf("rest", 2)
	_, err := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: theirs[0].KeyID})
	must(t, err)
	before := f.dump()
	plan, err := f.KeysRevoke(t.Context(), onlyA, revokeOf("team"))
	must(t, err)
	if plan.Matched != 2 || len(plan.Sample) != 2 || plan.Confirm == "" || plan.Done {
		t.Fatalf("dry run answers %+v", plan)
	}
	if f.dump() != before {
		t.Error("a dry run changed something")
	}
	done, err := f.KeysRevoke(t.Context(), onlyA, management.KeysRevoke{Confirm: plan.Confirm})
	must(t, err)
	if done.Revoked != 2 || done.Skipped != 0 || !done.Done || done.Position == (store.Position{}) {
		t.Fatalf("answer is %+v", done)
	}
	for i, k := range theirs {
		if f.statusOf(k.KeyID) != store.StatusRevoked {
			t.Errorf("key %d is not revoked", i)
		}
	}
	for _, k := range others {
		if f.statusOf(k.KeyID) != store.StatusActive {
			t.Error("a key that does not match was revoked")
		}
	}
	audited := 0
	for _, e := range f.entries("a") {
		if e.Action == "key.revoke" && e.Actor == onlyA.ID {
			audited++
		}
	}
	if audited != 2 {
		t.Errorf("%d audit entries, want one for each of 2 keys", audited)
	}
	again, err := f.KeysRevoke(t.Context(), onlyA, management.KeysRevoke{Confirm: plan.Confirm})
	must(t, err)
	if again.Revoked != 0 || !again.Done {
		t.Errorf("repeated: %+v", again)
	}
}

func TestKeysThatChangeBetweenDryRunAndConfirmationStay(t *testing.T) {
	f := newFixture(t)
	theirs := f.keysOf("team", 3)
	f.keysOf("rest", 1)
	plan, err := f.KeysRevoke(t.Context(), global, revokeOf("team"))
	must(t, err)
	_, err = f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: theirs[1].KeyID, Version: 1, Name: management.Set("renamed")})
	must(t, err)
	late := f.key(management.KeyCreate{Namespace: "a", Owner: "team", Name: "late"}).Key
	done, err := f.KeysRevoke(t.Context(), global, management.KeysRevoke{Confirm: plan.Confirm})
	must(t, err)
	if done.Revoked != 2 || done.Skipped != 2 || !done.Done {
		t.Errorf("answer is %+v", done)
	}
	if f.statusOf(theirs[1].KeyID) != store.StatusActive || f.statusOf(late.KeyID) != store.StatusActive {
		t.Error("a key that the dry run did not show as it is was revoked")
	}
}

func TestAnInterruptedRevocationGoesOnWithTheSameConfirmation(t *testing.T) {
	f := newFixture(t)
	f.keysOf("rest", 1)
	f.owner("a", "team")
	var rows []management.KeyImportRow
	for i := range 620 {
		row := importRow(i+1, fmt.Sprintf("text number %d", i))
		row.Owner = "team"
		if rows = append(rows, row); len(rows) == management.MaxImport {
			f.imports(global, rows...)
			rows = nil
		}
	}
	f.imports(global, rows...)
	plan, err := f.KeysRevoke(t.Context(), global, revokeOf("team"))
	must(t, err)
	if plan.Matched != 620 || len(plan.Sample) != 20 {
		t.Fatalf("dry run matches %d and shows %d", plan.Matched, len(plan.Sample))
	}
	f.tick = 20 * time.Millisecond // so that a call stops after its first batch
	for i, want := range []management.KeysRevoked{{Revoked: 500}, {Revoked: 120, Done: true}, {Done: true}} {
		done, err := f.KeysRevoke(t.Context(), global, management.KeysRevoke{Confirm: plan.Confirm})
		must(t, err)
		if done.Revoked != want.Revoked || done.Done != want.Done || done.Skipped != 0 {
			t.Errorf("call %d answers %+v", i, done)
		}
	}
}

// TestACallRevokesManyBatchesAndSkipsWhatChangedInBetween: one call goes on
// over pages, and what it revoked itself is no change that keeps it from it.
func TestACallRevokesManyBatchesAndSkipsWhatChangedInBetween(t *testing.T) {
	f := newFixture(t)
	f.keysOf("rest", 1)
	f.owner("a", "team")
	var ids []string
	for at := 0; at < 1100; at += management.MaxImport {
		var rows []management.KeyImportRow
		for i := at; i < min(at+management.MaxImport, 1100); i++ {
			row := importRow(i+1, fmt.Sprintf("text number %d", i))
			row.Owner = "team"
			rows = append(rows, row)
		}
		f.imports(global, rows...)
	}
	keys, err := f.KeyList(t.Context(), global, management.KeyList{Owner: "team", Page: management.PageInput{Limit: 500}})
	must(t, err)
	for _, k := range keys.Items[:3] {
		ids = append(ids, k.KeyID)
	}
	plan, err := f.KeysRevoke(t.Context(), global, revokeOf("team"))
	must(t, err)
	for _, id := range ids {
		_, err = f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: id, Version: 1, Name: management.Set("renamed")})
		must(t, err)
	}
	done, err := f.KeysRevoke(t.Context(), global, management.KeysRevoke{Confirm: plan.Confirm})
	must(t, err)
	if done.Revoked != 1097 || done.Skipped != 3 || !done.Done {
		t.Errorf("answer is %+v", done)
	}
	for _, id := range ids {
		if f.statusOf(id) != store.StatusActive {
			t.Error("a key that changed was revoked")
		}
	}
}

func TestAConfirmationIsForItsCallerAndForAWhile(t *testing.T) {
	f := newFixture(t)
	f.keysOf("team", 1)
	f.keysOf("rest", 1)
	plan, err := f.KeysRevoke(t.Context(), global, revokeOf("team"))
	must(t, err)
	payload, proof, _ := strings.Cut(plan.Confirm, ".")
	for title, c := range map[string]struct {
		actor management.Actor
		in    management.KeysRevoke
	}{
		"another caller": {onlyA, management.KeysRevoke{Confirm: plan.Confirm}},
		"another filter": {global, management.KeysRevoke{Confirm: payload[:len(payload)-4] + "AAAA." + proof}},
		"no proof":       {global, management.KeysRevoke{Confirm: payload}},
		"rubbish":        {global, management.KeysRevoke{Confirm: "..."}},
		"with a filter":  {global, management.KeysRevoke{Confirm: plan.Confirm, Filter: management.KeyList{Owner: "rest"}}},
		"with a reason":  {global, management.KeysRevoke{Confirm: plan.Confirm, Reason: "other"}},
	} {
		t.Run(title, func(t *testing.T) {
			_, err := f.KeysRevoke(t.Context(), c.actor, c.in)
			blames(t, err, "confirm")
		})
	}
	f.advance(15 * time.Minute)
	_, err = f.KeysRevoke(t.Context(), global, management.KeysRevoke{Confirm: plan.Confirm})
	blames(t, err, "confirm")
}

func TestAFilterThatMatchesEverythingNeedsAWord(t *testing.T) {
	f := newFixture(t)
	f.keysOf("team", 2)
	b := f.key(management.KeyCreate{Namespace: "b"}).Key
	all := management.KeysRevoke{Reason: "drill"}
	_, err := f.KeysRevoke(t.Context(), global, all)
	blames(t, err, "everything")
	// To a token of one namespace, its keys are all there are.
	_, err = f.KeysRevoke(t.Context(), onlyA, revokeOf("team"))
	blames(t, err, "everything")
	_, err = f.KeysRevoke(t.Context(), global, revokeOf("team"))
	must(t, err)
	all.Everything = true
	plan, err := f.KeysRevoke(t.Context(), onlyA, all)
	must(t, err)
	if plan.Matched != 2 {
		t.Errorf("a token of namespace a would revoke %d keys, want its 2", plan.Matched)
	}
	done, err := f.KeysRevoke(t.Context(), onlyA, management.KeysRevoke{Confirm: plan.Confirm})
	must(t, err)
	if done.Revoked != 2 || f.statusOf(b.KeyID) != store.StatusActive {
		t.Errorf("answer %+v; the key of namespace b is %s", done, f.statusOf(b.KeyID))
	}
}

func TestADryRunNamesTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	_, err := f.KeysRevoke(t.Context(), global, management.KeysRevoke{Filter: management.KeyList{Owner: "x"}})
	blames(t, err, "reason")
	_, err = f.KeysRevoke(t.Context(), global, management.KeysRevoke{Reason: "r", Filter: management.KeyList{Status: "gone"}})
	blames(t, err, "status")
	plan, err := f.KeysRevoke(t.Context(), onlyA, management.KeysRevoke{Reason: "r", Filter: management.KeyList{Namespace: "b"}})
	must(t, err)
	if plan.Matched != 0 || len(plan.Sample) != 0 {
		t.Errorf("another namespace shows %+v", plan)
	}
}
