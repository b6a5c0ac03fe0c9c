package management_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"credence/management"
	"credence/management/outgoing"
	"credence/management/remote"
	"credence/store"
	"credence/store/credential"
	"credence/test/fakegitea"
)

func connectionTo(url, name, namespace string) management.ConnectionCreate {
	return management.ConnectionCreate{
		Kind: store.ConnectionGitea, Name: name, Namespace: namespace, URL: url, Account: fakegitea.Admin,
		Credential: credential.NewText(fakegitea.Password), Logins: []string{"alice", "ci-*"}, Scopes: []string{"read:user", "write:repository"},
	}
}

// forged is a fixture that may call a fake of Gitea on loopback.
func forged(t *testing.T) (*fixture, *fakegitea.Server) {
	t.Helper()
	f := newFixture(t)
	f.Service = f.with(func(o *management.Options) { o.Outgoing = fakegitea.Reach() })
	s := fakegitea.New(t, "1.27.3")
	s.AddUser(fakegitea.User{Login: "alice"})
	return f, s
}

func (f *fixture) connect(url, name, namespace string) store.Connection {
	f.t.Helper()
	made, err := f.ConnectionCreate(f.t.Context(), global, connectionTo(url, name, namespace))
	must(f.t, err)
	return made.Connection
}

func (f *fixture) check(name string) management.ConnectionChecked {
	f.t.Helper()
	checked, err := f.ConnectionCheck(f.t.Context(), global, store.ConnectionGitea, name)
	must(f.t, err)
	return checked
}

func change(name string, version int64) management.ConnectionUpdate {
	return management.ConnectionUpdate{Kind: store.ConnectionGitea, Name: name, Version: version}
}

func TestACredentialOfAConnectionIsSealedAndShownNowhere(t *testing.T) {
	f, s := forged(t)
	c := f.connect(s.URL, "main", "a")
	if plain, err := f.store.Open(c.Credential, store.ConnectionAssociatedData(&c)); err != nil || string(plain) != fakegitea.Password {
		t.Fatalf("opened %q, %v", plain, err)
	}
	if checked := f.check("main"); !checked.Fine() {
		t.Error("it does not work")
	}
	for place, text := range map[string]string{"database": f.dump(), "log": f.log.String()} {
		if strings.Contains(text, fakegitea.Password) {
			t.Errorf("the credential is in the %s", place)
		}
	}
	elsewhere := c
	elsewhere.URL = "https://evil.example.com"
	if _, err := f.store.Open(c.Credential, store.ConnectionAssociatedData(&elsewhere)); err == nil {
		t.Error("a row that was changed by hand has the credential sent elsewhere")
	}
}

func TestACredentialOutlivesARotationOfTheKeyset(t *testing.T) {
	f, s := forged(t)
	f.connect(s.URL, "main", "")
	grown, err := f.keyset.Grown()
	must(t, err)
	promoted, err := grown.Promoted()
	must(t, err)
	f.store = store.New(f.db, promoted, f.clock)
	f.Service = f.with(func(o *management.Options) { o.Outgoing = fakegitea.Reach() })
	if checked := f.check("main"); !checked.Fine() {
		t.Error("it does not work any more")
	}
}

func TestACheckSaysVersionRightsAndWhatIsMissing(t *testing.T) {
	f, s := forged(t)
	f.connect(s.URL, "main", "")
	checked := f.check("main")
	if !checked.Fine() || checked.Report.Account != fakegitea.Admin || checked.Connection.Seen.ServerVersion != "1.27.3" || !checked.Connection.Seen.At.Equal(f.clock()) {
		t.Errorf("%+v", checked)
	}
	s.SetUser(fakegitea.Admin, func(u *fakegitea.User) { u.Admin = false })
	if checked = f.check("main"); checked.Fine() || checked.Report.Missing[0].What != "site administration" || !checked.Connection.Usable() {
		t.Errorf("%+v", checked)
	}
	entry, d := f.last("")
	if entry.Action != "connection.check" || entry.Object != "connection:gitea/main" || d.After["server_version"] != "1.27.3" {
		t.Errorf("%+v %+v", entry, d)
	}
}

func TestAConnectionWhoseCredentialIsRejectedIsPausedAndResumedByACheck(t *testing.T) {
	f, s := forged(t)
	hook := f.hook("", "connection.*").Webhook.ID
	f.connect(s.URL, "main", "")
	s.SetUser(fakegitea.Admin, func(u *fakegitea.User) { u.Password = "changed" })
	for range 2 {
		checked := f.check("main")
		if checked.Problem == nil || checked.Problem.Kind != remote.CredentialRejected || checked.Connection.State != store.ConnectionPaused || checked.Connection.StateReason != store.ConnectionRejected {
			t.Fatalf("%+v", checked)
		}
	}
	s.SetUser(fakegitea.Admin, func(u *fakegitea.User) { u.Password = fakegitea.Password })
	if checked := f.check("main"); !checked.Connection.Usable() || checked.Connection.StateReason != "" {
		t.Errorf("%+v", checked.Connection)
	}
	told, _, err := f.store.Deliveries(t.Context(), store.DeliveryFilter{WebhookID: hook}, store.Page{})
	must(t, err)
	var types []string
	for _, d := range told {
		types = append(types, d.EventType)
	}
	if !slices.Equal(types, []string{"connection.resumed", "connection.paused"}) {
		t.Errorf("told of %v", types)
	}
}

func TestAConnectionThatAPersonPausedIsNotResumedByACheck(t *testing.T) {
	f, s := forged(t)
	c := f.connect(s.URL, "main", "")
	in := change("main", c.Version)
	in.Paused = management.Set(true)
	paused, err := f.ConnectionUpdate(t.Context(), global, in)
	must(t, err)
	if checked := f.check("main"); !checked.Fine() || checked.Connection.StateReason != store.ConnectionByPerson {
		t.Errorf("%+v", checked)
	}
	in = change("main", paused.Connection.Version)
	in.Paused = management.Set(false)
	if changed, err := f.ConnectionUpdate(t.Context(), global, in); err != nil || !changed.Connection.Usable() {
		t.Errorf("%+v %v", changed, err)
	}
}

func TestAnotherAddressNeedsTheCredentialAnew(t *testing.T) {
	f, s := forged(t)
	c := f.connect(s.URL, "main", "")
	other := fakegitea.New(t, "1.26.0")
	in := change("main", c.Version)
	in.URL = management.Set(other.URL)
	_, err := f.ConnectionUpdate(t.Context(), global, in)
	blames(t, err, "credential")
	in.Credential = management.Set(credential.NewText(fakegitea.Password))
	_, err = f.ConnectionUpdate(t.Context(), global, in)
	must(t, err)
	if checked := f.check("main"); checked.Report.ServerVersion != "1.26.0" || len(other.Calls()) == 0 {
		t.Errorf("%+v", checked)
	}
	if _, d := f.last(""); strings.Contains(f.dump(), fakegitea.Password) || d.After == nil {
		t.Error("the credential is in the record")
	}
}

func TestAConnectionIsJudgedBeforeItIsMade(t *testing.T) {
	f := newFixture(t)
	for field, change := range map[string]func(*management.ConnectionCreate){
		"name":        func(c *management.ConnectionCreate) { c.Name = "a/b" },
		"url":         func(c *management.ConnectionCreate) { c.URL = "https://10.0.0.1" },
		"credential":  func(c *management.ConnectionCreate) { c.Credential = credential.Text{} },
		"account":     func(c *management.ConnectionCreate) { c.Account = "" },
		"ca":          func(c *management.ConnectionCreate) { c.CA = "no certificate" },
		"server_name": func(c *management.ConnectionCreate) { c.ServerName = "a b" },
		"logins":      func(c *management.ConnectionCreate) { c.Logins = nil },
		"logins[0]":   func(c *management.ConnectionCreate) { c.Logins = []string{"a b"} },
		"scopes":      func(c *management.ConnectionCreate) { c.Scopes = []string{"repo"} },
		"settings":    func(c *management.ConnectionCreate) { c.Settings = map[string]string{"rest": "x"} },
		"namespace":   func(c *management.ConnectionCreate) { c.Namespace = "nobody" },
	} {
		in := connectionTo("https://git.example.com", "main", "")
		change(&in)
		_, err := f.ConnectionCreate(t.Context(), global, in)
		blames(t, err, field)
	}
	in := connectionTo("https://git.example.com?token=1", "main", "")
	_, err := f.ConnectionCreate(t.Context(), global, in)
	blames(t, err, "url")
	f.connect("https://git.example.com", "main", "")
	_, err = f.ConnectionCreate(t.Context(), global, connectionTo("https://git.example.com", "main", "a"))
	refused(t, err, management.CodeConflict)
}

func TestAServerThatIsNotReachedIsAProblemWithItsRemedy(t *testing.T) {
	for title, c := range map[string]struct {
		ready func(*fakegitea.Server) string
		kind  remote.Kind
	}{
		"nobody listens": {func(*fakegitea.Server) string { return "http://127.0.0.1:1025" }, remote.Unavailable},
		"another program": {func(s *fakegitea.Server) string {
			s.Before(func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true })
			return s.URL
		}, remote.UnexpectedAnswer},
		"another path": {func(s *fakegitea.Server) string { return s.URL + "/git" }, remote.EndpointMissing},
		"no TLS there": {func(s *fakegitea.Server) string { return strings.Replace(s.URL, "http:", "https:", 1) }, remote.CertificateRejected},
		"it redirects": {func(s *fakegitea.Server) string {
			s.Before(func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return true
			})
			return s.URL
		}, remote.Redirected},
	} {
		t.Run(title, func(t *testing.T) {
			f, s := forged(t)
			f.connect(c.ready(s), "main", "")
			checked := f.check("main")
			if checked.Problem == nil || checked.Problem.Kind != c.kind || checked.Fine() || !checked.Connection.Usable() || !checked.Connection.Seen.At.IsZero() {
				t.Errorf("%+v", checked)
			}
		})
	}
}

func TestAnAddressThatBecomesPrivateIsNotCalled(t *testing.T) {
	f, s := forged(t)
	f.connect(s.URL, "main", "")
	f.Service = f.with(func(o *management.Options) { // as after a restart with another allow list
		forge := f.forgeAt(outgoing.Options{})
		o.Gitea = forge
	})
	if checked := f.check("main"); checked.Problem == nil || checked.Problem.Kind != remote.AddressRefused || len(s.Calls()) != 0 {
		t.Errorf("%+v", checked)
	}
}

func TestANamespaceWithAConnectionIsNotDeleted(t *testing.T) {
	f, s := forged(t)
	f.connect(s.URL, "main", "b")
	_, err := f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "b"})
	refused(t, err, management.CodeInUse)
	must(t, f.ConnectionDelete(t.Context(), global, management.ConnectionDelete{Kind: store.ConnectionGitea, Name: "main"}))
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "b"})
	must(t, err)
}

func TestARepeatedRequestMakesOneConnection(t *testing.T) {
	f, s := forged(t)
	in := connectionTo(s.URL, "main", "")
	in.Idempotency = management.Idempotency{Key: "k", RequestHash: [32]byte{1}}
	for _, replayed := range []bool{false, true} {
		made, err := f.ConnectionCreate(t.Context(), global, in)
		must(t, err)
		if made.Replayed != replayed || made.Connection.Name != "main" {
			t.Errorf("%+v", made)
		}
	}
}
