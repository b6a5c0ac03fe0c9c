package management_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
	"credence/test/n8nserver"
)

// shop is a fixture with a connection "flows" to a fake of n8n.
type shop struct {
	*fixture

	server *n8nserver.Fake
}

func newShop(t *testing.T, version string) *shop {
	t.Helper()
	f, _ := forged(t)
	s := &shop{f, n8nserver.NewFake(t, version, func() time.Time { return f.clock() })}
	_, err := s.ConnectionCreate(t.Context(), global, s.connection())
	must(t, err)
	return s
}

func (s *shop) connection() management.ConnectionCreate {
	return management.ConnectionCreate{
		Kind: store.ConnectionN8N, Name: "flows", Namespace: "a", URL: s.server.URL, Account: n8nserver.Email,
		Credential: credential.NewText(n8nserver.Password), Scopes: []string{"workflow:read", "tag:list"},
	}
}

// shops tries something on a fake of each version.
func shops(t *testing.T, try func(s *shop)) {
	t.Helper()
	for _, version := range []string{n8nserver.Old, n8nserver.New} {
		t.Run(version, func(t *testing.T) { try(newShop(t, version)) })
	}
}

func ordered(change ...func(*management.N8NKeyCreate)) management.N8NKeyCreate {
	in := management.N8NKeyCreate{Connection: "flows", Name: "ci", Scopes: []string{"tag:list"}, Owner: "team-a"}
	for _, c := range change {
		c(&in)
	}
	return in
}

func (s *shop) make(change ...func(*management.N8NKeyCreate)) management.N8NKeyCreated {
	s.t.Helper()
	made, err := s.N8NKeyCreate(s.t.Context(), onlyA, ordered(change...))
	must(s.t, err)
	return made
}

func (s *shop) keys() []store.OutsideCredential {
	s.t.Helper()
	all, _, err := s.store.OutsideCredentials(s.t.Context(), store.SystemN8N, store.OutsideFilter{}, store.Page{})
	must(s.t, err)
	return all
}

func (s *shop) tend(id string) time.Time {
	s.t.Helper()
	again, err := s.OutsideTend(s.t.Context(), store.SystemN8N, id)
	must(s.t, err)
	return again
}

// toldOf are the types of what a webhook was told, the first first.
func (f *fixture) toldOf(hook string) []string {
	f.t.Helper()
	all, _, err := f.store.Deliveries(f.t.Context(), store.DeliveryFilter{WebhookID: hook}, store.Page{})
	must(f.t, err)
	var types []string
	for _, d := range slices.Backward(all) {
		types = append(types, d.EventType)
	}
	return types
}

func (s *shop) verify(id string) remote.Outcome {
	s.t.Helper()
	v, err := s.N8NKeyVerify(s.t.Context(), onlyA, id)
	must(s.t, err)
	return v.Outcome
}

func TestAnN8NKeyIsMadeWithinTheLimitsOfTheConnection(t *testing.T) {
	shops(t, func(s *shop) {
		hook := s.hook("", "n8n_key.*").Webhook.ID
		made := s.make(func(in *management.N8NKeyCreate) { in.ExpiresIn = "720h" })
		is := made.Key
		if is.State != store.OutsideActive || !strings.HasPrefix(is.Name, "ci-") || len(is.Name) != 15 || is.RemoteID == "" || is.UserID == "" ||
			is.Namespace != "a" || is.CollectedAt.IsZero() || !strings.HasSuffix(made.Secret.Reveal(), is.Ending) || is.ExpiresAt.IsZero() {
			s.t.Errorf("%+v", is)
		}
		if got := s.server.Labels(); !slices.Equal(got, []string{is.Name}) {
			s.t.Errorf("n8n has %v", got)
		}
		for place, text := range map[string]string{"database": s.dump(), "log": s.log.String()} {
			if strings.Contains(text, made.Secret.Reveal()) || strings.Contains(text, n8nserver.Password) {
				s.t.Errorf("a secret is in the %s", place)
			}
		}
		if got := s.toldOf(hook); !slices.Equal(got, []string{"n8n_key.created"}) {
			s.t.Errorf("told of %v", got)
		}
		if s.verify(is.ID) != remote.Valid {
			s.t.Error("it is not accepted")
		}
		must(s.t, s.N8NKeyDelete(s.t.Context(), onlyA, is.ID))
		if len(s.keys()) != 0 || len(s.server.Labels()) != 0 || !slices.Equal(s.toldOf(hook), []string{"n8n_key.created", "n8n_key.deleted"}) {
			s.t.Errorf("%+v %v", s.keys(), s.server.Labels())
		}
	})
}

func TestNobodyMakesAnN8NKeyBeyondTheLimitsOfTheConnection(t *testing.T) {
	s := newShop(t, n8nserver.New)
	for field, change := range map[string]func(*management.N8NKeyCreate){
		"scopes[0]":  func(in *management.N8NKeyCreate) { in.Scopes = []string{"user:list"} },
		"scopes[1]":  func(in *management.N8NKeyCreate) { in.Scopes = []string{"tag:list", "everything"} },
		"scopes":     func(in *management.N8NKeyCreate) { in.Scopes = nil },
		"name":       func(in *management.N8NKeyCreate) { in.Name = "a<b" },
		"expires_at": func(in *management.N8NKeyCreate) { in.ExpiresAt = start.Add(-time.Hour) },
	} {
		_, err := s.N8NKeyCreate(t.Context(), onlyA, ordered(change))
		blames(t, err, field)
	}
	if len(s.keys()) != 0 || s.server.Calls("POST /rest/api-keys") != 0 {
		t.Error("n8n was asked for a key")
	}
}

func TestAConnectionToN8NIsForItsAccountAlone(t *testing.T) {
	s := newShop(t, n8nserver.New)
	for field, change := range map[string]func(*management.ConnectionCreate){
		"account":  func(c *management.ConnectionCreate) { c.Account = "owner" },
		"logins":   func(c *management.ConnectionCreate) { c.Logins = []string{"somebody@example.test"} },
		"scopes":   func(c *management.ConnectionCreate) { c.Scopes = []string{"all"} },
		"settings": func(c *management.ConnectionCreate) { c.Settings = map[string]string{"rest_path": "../x"} },
	} {
		in := s.connection()
		in.Name = "other"
		change(&in)
		_, err := s.ConnectionCreate(t.Context(), global, in)
		blames(t, err, field)
	}
	checked, err := s.ConnectionCheck(t.Context(), global, store.ConnectionN8N, "flows")
	must(t, err)
	if !checked.Fine() || checked.Connection.Seen.ServerVersion != n8nserver.New || !slices.Equal(checked.Connection.Logins, []string{n8nserver.Email}) {
		t.Errorf("%+v", checked)
	}
}

// TestAnN8NKeyWhoseAnswerWasLostIsFoundByItsLabelAndDeleted, and nobody makes
// it a second time.
func TestAnN8NKeyWhoseAnswerWasLostIsFoundByItsLabelAndDeleted(t *testing.T) {
	shops(t, func(s *shop) {
		other := s.server.AddKey("ci", "tag:list") // of somebody else
		s.advance(2 * time.Second)
		s.server.Disrupt("POST", "/rest/api-keys", n8nserver.LoseAnswer)
		_, err := s.N8NKeyCreate(s.t.Context(), onlyA, ordered())
		e := refused(s.t, err, management.CodeRemote)
		if !strings.Contains(e.Message, "not known whether it was made") || s.server.Calls("POST /rest/api-keys") != 1 {
			s.t.Error(e.Message)
		}
		intent := s.keys()[0]
		if intent.State != store.OutsideMaking || len(s.server.Labels()) != 2 {
			s.t.Fatalf("%+v", intent)
		}
		if again := s.tend(intent.ID); again.IsZero() {
			s.t.Error("it was not waited for")
		}
		s.advance(3 * time.Minute)
		if again := s.tend(intent.ID); !again.IsZero() || len(s.keys()) != 0 {
			s.t.Errorf("again at %s: %+v", again, s.keys())
		}
		if left := s.server.Labels(); !slices.Equal(left, []string{"ci"}) {
			s.t.Errorf("%v is left beside %s", left, other)
		}
		s.make()
	})
}

// TestACrashBetweenIntentAndAnswerOfN8NLeavesNothing: the process that comes
// next finds out.
func TestACrashBetweenIntentAndAnswerOfN8NLeavesNothing(t *testing.T) {
	for title, how := range map[string]func(s *shop) n8nserver.How{
		"before n8n was asked": func(s *shop) n8nserver.How {
			return n8nserver.Before(func() { must(s.t, s.db.Close()) }, n8nserver.LoseCall)
		},
		"after it": func(s *shop) n8nserver.How {
			return n8nserver.Before(func() { must(s.t, s.db.Close()) }, n8nserver.Pass)
		},
	} {
		t.Run(title, func(t *testing.T) {
			s := newShop(t, n8nserver.New)
			s.make() // logs in
			s.server.Disrupt("POST", "/rest/api-keys", how(s))
			if _, err := s.N8NKeyCreate(t.Context(), onlyA, ordered()); err == nil {
				t.Error("it was made by a process that has died")
			}
			s.fixture = s.reopen()
			i := slices.IndexFunc(s.keys(), func(k store.OutsideCredential) bool { return k.State == store.OutsideMaking })
			if i < 0 {
				t.Fatalf("%+v", s.keys())
			}
			s.advance(10 * time.Minute)
			if again := s.tend(s.keys()[i].ID); !again.IsZero() || len(s.keys()) != 1 || len(s.server.Labels()) != 1 {
				t.Errorf("again at %s, %+v, %+v", again, s.keys(), s.server.Labels())
			}
		})
	}
}

func TestAnN8NIntentThatWasRefusedIsTakenBackAtOnce(t *testing.T) {
	s := newShop(t, n8nserver.New)
	s.server.Disrupt("POST", "/rest/api-keys", n8nserver.Answer(400, "application/json", `{"code":400,"message":"Invalid scopes for user role"}`))
	_, err := s.N8NKeyCreate(t.Context(), onlyA, ordered())
	if e := refused(t, err, management.CodeRemote); e.Fields[0].Problem != "scope_invalid" {
		t.Errorf("%+v", e)
	}
	if left := s.keys(); len(left) != 0 {
		t.Errorf("%+v", left)
	}
}

func TestOneSessionIsSharedByAllAndOutlivesARestart(t *testing.T) {
	s := newShop(t, n8nserver.New)
	s.make()
	must(t, s.db.Close())
	s.fixture = s.reopen()
	s.make()
	if n := s.server.Calls("POST /rest/login"); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	if text := s.dump(); strings.Contains(text, "eyJhbGciOiJIUzI1NiJ9.session") {
		t.Error("the session is in the database in clear")
	}
	s.server.EndSessions()
	s.make()
	if n := s.server.Calls("POST /rest/login"); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

func TestAWrongPasswordPausesTheConnectionToN8N(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "connection.*").Webhook.ID
	s.server.SetPassword("changed")
	_, err := s.N8NKeyCreate(t.Context(), onlyA, ordered())
	refused(t, err, management.CodeRemote)
	for range 5 {
		_, err = s.N8NKeyCreate(t.Context(), onlyA, ordered())
		refused(t, err, management.CodeConflict)
	}
	if n := s.server.Calls("POST /rest/login"); n != 1 || len(s.keys()) != 0 {
		t.Errorf("%d logins, want 1; %+v", n, s.keys())
	}
	s.server.SetPassword(n8nserver.Password)
	checked, err := s.ConnectionCheck(t.Context(), global, store.ConnectionN8N, "flows")
	must(t, err)
	if !checked.Connection.Usable() {
		t.Errorf("%+v", checked)
	}
	s.make()
	if got := s.toldOf(hook); !slices.Equal(got, []string{"connection.paused", "connection.resumed"}) {
		t.Errorf("told of %v", got)
	}
}

func TestAnN8NKeyLivesBesideItsSuccessorForTheOverlap(t *testing.T) {
	shops(t, func(s *shop) {
		old := s.make()
		made, err := s.N8NKeyRotate(s.t.Context(), onlyA, management.N8NKeyRotate{ID: old.Key.ID, Overlap: "2h"})
		must(s.t, err)
		if made.Key.Predecessor != old.Key.ID || made.Secret.Empty() || made.Key.Name == old.Key.Name || len(s.server.Labels()) != 2 {
			s.t.Errorf("%+v", made)
		}
		s.advance(2 * time.Hour)
		s.tend(old.Key.ID)
		if left := s.server.Labels(); !slices.Equal(left, []string{made.Key.Name}) {
			s.t.Errorf("%v", left)
		}
	})
}

func TestAScheduledRotationOfAnN8NKeyHasItsSecretFetchedOnce(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "n8n_key.rotated").Webhook.ID
	old := s.make(func(in *management.N8NKeyCreate) { in.RotateEvery, in.Overlap = "24h", "1h" })
	s.advance(24 * time.Hour)
	for range 2 { // a job may run more than once
		s.tend(old.Key.ID)
	}
	all := s.keys()
	if len(all) != 2 || all[0].Successor != all[1].ID || !all[1].CollectedAt.IsZero() || len(s.toldOf(hook)) != 1 {
		t.Fatalf("%+v", all)
	}
	got, err := s.N8NKeyCollect(t.Context(), onlyA, all[1].ID)
	must(t, err)
	if got.Secret.Empty() || s.verify(all[1].ID) != remote.Valid {
		t.Error("the secret that waited is not that of the key")
	}
	_, err = s.N8NKeyCollect(t.Context(), onlyA, all[1].ID)
	refused(t, err, management.CodeConflict)
}

func TestAnN8NKeyGetsAnotherSecretInPlace(t *testing.T) {
	s := newShop(t, n8nserver.New)
	old := s.make()
	made, err := s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: old.Key.ID, InPlace: true})
	must(t, err)
	if made.Key.ID != old.Key.ID || made.Key.RemoteID != old.Key.RemoteID || made.Secret.Reveal() == old.Secret.Reveal() || len(s.keys()) != 1 {
		t.Errorf("%+v", made)
	}
	if s.verify(old.Key.ID) != remote.Valid {
		t.Error("the new secret is not kept")
	}
	// The answer is lost: the job does it again, and the secret waits.
	s.server.Disrupt("POST", "/rest/api-keys/", n8nserver.LoseAnswer)
	_, err = s.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: old.Key.ID, InPlace: true})
	refused(t, err, management.CodeRemote)
	if is := s.keys()[0]; is.State != store.OutsideRotating {
		t.Fatalf("%+v", is)
	}
	s.advance(3 * time.Minute)
	s.server.Start(true) // that n8n cannot be asked is no proof that it did nothing
	s.tend(old.Key.ID)
	if is := s.keys()[0]; is.State != store.OutsideRotating {
		t.Fatalf("%+v", is)
	}
	s.server.Start(false)
	s.advance(10 * time.Minute)
	s.tend(old.Key.ID)
	if is := s.keys()[0]; is.State != store.OutsideActive || !is.CollectedAt.IsZero() {
		t.Fatalf("%+v", is)
	}
	_, err = s.N8NKeyCollect(t.Context(), onlyA, old.Key.ID)
	must(t, err)
	if s.verify(old.Key.ID) != remote.Valid {
		t.Error("the secret that waited is not that of the key")
	}
	older := newShop(t, n8nserver.Old)
	kept := older.make()
	_, err = older.N8NKeyRotate(t.Context(), onlyA, management.N8NKeyRotate{ID: kept.Key.ID, InPlace: true})
	refused(t, err, management.CodeConflict)
	if older.verify(kept.Key.ID) != remote.Valid {
		t.Error("what could not be rotated does not work any more")
	}
}

func TestN8NKeysAreHeldToThePolicyOfIntegrationKeys(t *testing.T) {
	s := newShop(t, n8nserver.New)
	_, err := s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{
		Namespace: "a", KeyType: "integration", Version: 1, LongestLife: management.Set("720h"), DefaultLife: management.Set("240h"), RotateEvery: management.Set("120h"),
	})
	must(t, err)
	made := s.make()
	if !made.Key.ExpiresAt.Equal(s.clock().Add(240*time.Hour).Truncate(time.Second)) || made.Key.RotateEvery != 120*time.Hour {
		t.Errorf("%+v", made.Key)
	}
	_, err = s.N8NKeyCreate(t.Context(), onlyA, ordered(func(in *management.N8NKeyCreate) { in.ExpiresIn = "721h" }))
	blames(t, err, "expires_at")
	_, err = s.KeyPolicySet(t.Context(), global, management.KeyPolicySet{Namespace: "a", KeyType: "integration", Version: 2, ReasonRequired: management.Set(true)})
	must(t, err)
	_, err = s.N8NKeyCreate(t.Context(), onlyA, ordered(func(in *management.N8NKeyCreate) { in.Description = "" }))
	blames(t, err, "description") // there is no other field to say it in
}

func TestVerifyingAnN8NKeyNotesTheOutcomeAndKeepsWhatWasKnown(t *testing.T) {
	s := newShop(t, n8nserver.New)
	hook := s.hook("", "n8n_key.invalid", "anomaly.opened").Webhook.ID
	made := s.make()
	for _, c := range []struct {
		change func()
		want   remote.Outcome
		noted  string
	}{
		{func() {}, remote.Valid, "valid"},
		{func() { s.server.SwitchOff(true); s.advance(2 * time.Minute) }, remote.Unknown, "valid"},
		{func() { s.server.SwitchOff(false); s.server.Start(true) }, remote.Unknown, "valid"},
		{func() { s.server.Start(false); s.server.RemoveKey(made.Key.RemoteID); s.advance(2 * time.Minute) }, remote.Invalid, "invalid"},
		{func() {}, remote.Invalid, "invalid"},
	} {
		c.change()
		if got := s.verify(made.Key.ID); got != c.want || s.keys()[0].Seen.Outcome != c.noted {
			t.Errorf("%s, noted %+v, want %s and %s", got, s.keys()[0].Seen, c.want, c.noted)
		}
	}
	if got := s.toldOf(hook); !slices.Equal(got, []string{"n8n_key.invalid", "anomaly.opened"}) {
		t.Errorf("told of %v", got)
	}
}

func TestAnN8NKeyThatCannotBeDeletedNowIsDeletedLater(t *testing.T) {
	s := newShop(t, n8nserver.New)
	made := s.make()
	s.server.Start(true)
	refused(t, s.N8NKeyDelete(t.Context(), onlyA, made.Key.ID), management.CodeRemote)
	if is := s.keys()[0]; is.State != store.OutsideDeleting {
		t.Fatalf("%+v", is)
	}
	s.server.Start(false)
	s.advance(5 * time.Minute)
	if again := s.tend(made.Key.ID); !again.IsZero() || len(s.keys()) != 0 || len(s.server.Labels()) != 0 {
		t.Errorf("again at %s: %+v", again, s.keys())
	}
}

// flowsOf is a connection to n8n of the namespace. That of a leads to a server
// that answers; the others are not called.
func (w *tenants) flowsOf(namespace string) string {
	if namespace != "a" {
		return namespace
	}
	server := n8nserver.NewFake(w.t, n8nserver.New, func() time.Time { return w.clock() })
	w.Service = w.with(func(o *management.Options) { o.Outgoing = fakegitea.Reach() })
	// Where the store is gone the attempt itself says so.
	_, _ = w.ConnectionCreate(w.t.Context(), global, management.ConnectionCreate{
		Kind: store.ConnectionN8N, Name: "answers", Namespace: namespace, URL: server.URL, Account: n8nserver.Email,
		Credential: credential.NewText(n8nserver.Password), Scopes: []string{"tag:list"},
	})
	return "answers"
}

// n8nKeyOf is a key of the namespace whose secret waits to be collected.
func (w *tenants) n8nKeyOf(ctx context.Context, namespace string) string {
	if namespace != "a" {
		return "n8k_" + namespace
	}
	over := w.flowsOf("a") //nolint:contextcheck // not the attempt's, in which the store is gone
	made, err := w.N8NKeyCreate(ctx, onlyA, management.N8NKeyCreate{Connection: over, Name: "mine", Scopes: []string{"tag:list"}})
	if err != nil {
		return "n8k_a"
	}
	is := made.Key
	is.CollectedAt = time.Time{}
	_, err = w.store.InTx(w.t.Context(), func(ctx context.Context, tx *store.Tx) error { //nolint:contextcheck // not the attempt's, in which the store is gone
		tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
		return tx.UpdateOutsideCredential(ctx, is)
	})
	must(w.t, err)
	return is.ID
}

// noteN8NKey writes down a key and its connection, both called after the
// namespace.
func (f *fixture) noteN8NKey(namespace string) {
	f.t.Helper()
	_, err := f.store.InTx(f.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		tx.Audit(store.AuditRecord{Actor: "system", Action: "test", Object: "test"})
		now := f.clock()
		c := store.Connection{
			ID: "con_n8n" + namespace, Kind: store.ConnectionN8N, Name: namespace, Namespace: namespace, URL: "https://n8n.example.com", Account: namespace + "@example.com",
			Credential: []byte("sealed"), Scopes: []string{"tag:list"}, State: store.ConnectionActive, StateAt: now, CreatedBy: "system", CreatedAt: now, UpdatedAt: now, Version: 1,
		}
		if err := tx.InsertConnection(ctx, c); err != nil {
			return err
		}
		return tx.InsertOutsideCredential(ctx, store.OutsideCredential{
			System: store.SystemN8N, ID: "n8k_" + namespace, ConnectionID: c.ID, Namespace: namespace, RemoteID: "x", Name: "noted", Login: c.Account, Scopes: c.Scopes,
			State: store.OutsideActive, StateAt: now, CreatedBy: "system", CreatedAt: now, UpdatedAt: now, Version: 1,
		})
	})
	must(f.t, err)
}
