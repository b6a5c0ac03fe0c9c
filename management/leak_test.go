package management_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"credence/management"
	"credence/management/audit"
	"credence/store"
)

func TestTheTextOfAKeyOrTokenIsNowhereButInItsAnswer(t *testing.T) {
	f := newFixture(t)
	token, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{})
	must(t, err)
	another := f.admin(management.TokenCreate{Role: "viewer"})
	renewed, err := f.TokenRotate(t.Context(), global, management.TokenRotate{ID: another.Token.ID})
	must(t, err)
	in := management.KeyCreate{Name: "x", Namespace: "a", Idempotency: management.Idempotency{Key: "k", RequestHash: [32]byte{1}}}
	made, err := f.KeyCreate(t.Context(), global, in)
	must(t, err)
	again, err := f.KeyCreate(t.Context(), global, in)
	must(t, err)
	rotated, err := f.KeyRotate(t.Context(), global, management.KeyRotate{KeyID: made.Key.KeyID})
	must(t, err)
	for _, verb := range []string{"disable", "enable", "suspend", "revoke"} {
		_, err := f.verbs()[verb](t.Context(), global, management.KeyStatusChange{KeyID: made.Key.KeyID})
		must(t, err)
	}
	_, enableErr := f.KeyEnable(t.Context(), global, management.KeyStatusChange{KeyID: made.Key.KeyID})
	_, wrongErr := f.TokenAuthenticate(t.Context(), []byte(made.Text.Reveal()))

	places := map[string]string{
		"log":             f.log.String(),
		"answer, printed": fmt.Sprintf("%v %+v %#v %+v %v %+v %#v", made, made, made, rotated, another, another, another),
		"repeated answer": fmt.Sprintf("%v %q", again, again.Text.Reveal()),
		"error":           errors.Join(enableErr, wrongErr).Error(),
		"raw rows":        f.dump(),
		"audit details":   f.openedDetails(),
	}
	files, err := filepath.Glob(f.path + "*")
	must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		places[filepath.Base(file)] = string(content)
	}
	if !strings.Contains(places["log"], "key.create") || len(places) < 8 {
		t.Fatal("there is nothing to search")
	}
	for place, content := range places {
		for name, secret := range map[string]string{
			"successor": rotated.Text.Reveal(), "key text": made.Text.Reveal(), "random part": made.Text.Reveal()[9:52], "token text": token.Text.Reveal(),
			"created token": another.Text.Reveal(), "rotated token": renewed.Text.Reveal(),
		} {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds the %s", place, name)
			}
		}
	}
}

// openedDetails answers the details of all audit entries in the clear.
func (f *fixture) openedDetails() string {
	f.t.Helper()
	var all bytes.Buffer
	for _, namespace := range []string{"", "a", "b", "default"} {
		for _, e := range f.entries(namespace) {
			raw, err := audit.Open(f.keyset, &e)
			must(f.t, err)
			all.Write(raw)
		}
	}
	return all.String()
}

func TestAuditDetailsHoldNoHash(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Namespace: "a"}).Key
	_, err := f.KeyUpdate(t.Context(), global, management.KeyUpdate{KeyID: k.KeyID, Version: 1, Name: management.Set("y")})
	must(t, err)
	opened := f.openedDetails()
	if !strings.Contains(opened, `"name":"y"`) {
		t.Fatalf("there is nothing to search: %s", opened)
	}
	for _, form := range []string{string(k.Hash[:]), hex.EncodeToString(k.Hash[:]), fmt.Sprint(k.Hash), "hash"} {
		if strings.Contains(opened, form) {
			t.Errorf("audit details hold a hash: %s", opened)
		}
	}
}

func TestAKeyTextInTheWrongPlaceIsNotRepeated(t *testing.T) {
	f := newFixture(t)
	text := f.key(management.KeyCreate{Namespace: "a"}).Text.Reveal()
	_, readErr := f.KeyRead(t.Context(), global, text)
	_, revokeErr := f.KeyRevoke(t.Context(), global, management.KeyStatusChange{KeyID: text})
	_, createErr := f.KeyCreate(t.Context(), global, management.KeyCreate{
		Name: "x", Namespace: text, KeyType: text, Environment: text, Networks: []string{text}, Hosts: []string{text},
		Methods: []string{text}, Paths: []string{text, text}, Scopes: []string{text + ","}, Labels: map[string]string{text: "x"},
	})
	_, ruleErr := f.BlacklistRead(t.Context(), global, text)
	_, planErr := f.PlanRead(t.Context(), global, "a", text)
	for _, err := range []error{readErr, revokeErr, createErr, ruleErr, planErr} {
		e, ok := errors.AsType[*management.Error](err)
		if !ok {
			t.Fatalf("error is %v", err)
		}
		if shown := fmt.Sprint(e.Message, e.Fields); strings.Contains(shown, text[9:40]) {
			t.Errorf("%s: the answer repeats the key text", e.Code)
		}
	}
}

func TestAFirstAdminTokenIsNotNamedByASecret(t *testing.T) {
	f := newFixture(t)
	text := f.key(management.KeyCreate{Namespace: "a"}).Text.Reveal()
	_, err := f.TokenBootstrap(t.Context(), management.TokenBootstrap{Name: "of " + text})
	problem := refused(t, err, management.CodeInvalidInput).Fields[0]
	if problem.Field != "name" || problem.Problem != "holds what looks like an API key" || strings.Contains(err.Error(), text[9:40]) {
		t.Errorf("%+v", problem)
	}
}

func TestALongValueIsCutInAnError(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("s3cret", 100)
	_, err := f.KeyRead(t.Context(), global, long)
	if e := refused(t, err, management.CodeNotFound); len(e.Message) > 200 {
		t.Errorf("message of %d characters", len(e.Message))
	}
	_, err = f.KeyCreate(t.Context(), global, management.KeyCreate{Name: "x", KeyType: long, Networks: []string{long}})
	for _, p := range refused(t, err, management.CodeInvalidInput).Fields {
		if len(p.Problem) > 200 {
			t.Errorf("%s: problem of %d characters", p.Field, len(p.Problem))
		}
	}
	if !errors.Is(errOf(f.KeyRead(t.Context(), global, "key_none")), store.ErrNotFound) {
		t.Error("the cause is not the store's sentinel")
	}
}

func errOf[T any](_ T, err error) error { return err }
