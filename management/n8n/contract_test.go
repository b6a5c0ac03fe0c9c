package n8n_test

import (
	"flag"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"credence/management/n8n"
	"credence/management/remote"
	"credence/store/credential"
	"credence/test/n8nserver"
)

// realN8N are the folders of programs that make test-n8n has installed; without
// any the suite runs on the fakes alone.
var realN8N = flag.String("n8n", "", "folders of real n8n to try, separated by blanks")

// TestTheContract tries every recorded row on both fakes, and then the client.
func TestTheContract(t *testing.T) {
	versions(t, func(f *fixture) {
		f.onContract(f.n8n.Version())
		f.Run("login", func(t *testing.T) { n8nserver.LoginContract(t, f.contract(f.n8n.Version())) })
	})
}

// TestTheContractOfTheRealN8N is the same on the programs that were named.
func TestTheContractOfTheRealN8N(t *testing.T) {
	if *realN8N == "" {
		return // make test-n8n
	}
	for folder := range strings.FieldsSeq(*realN8N) {
		server := n8nserver.StartReal(t, folder)
		t.Run(server.Text, func(t *testing.T) {
			f := &fixture{T: t, clock: &clock{now: time.Now(), real: true}, sessions: &sessions{}, target: targetAt(server.URL)}
			f.client = f.newClient()
			f.onContract(server.Version)
			before := f.sessions.kept().Cookie
			f.ok(server.Stop())
			if _, err := f.client.List(t.Context(), f.target); remote.KindOf(err) != remote.Unavailable {
				t.Errorf("while it is down: %v", err)
			}
			server.Start(t)
			f.client = f.newClient() // the other one leaves it alone for a minute
			t.Run("client after a restart", func(t *testing.T) { f.life(t) })
			if f.sessions.kept().Cookie != before {
				t.Error("the session did not survive the restart")
			}
			// The count of logins began anew with the program.
			t.Run("login", func(t *testing.T) { n8nserver.LoginContract(t, f.contract(server.Version)) })
			f.ok(server.Stop())
		})
	}
}

func (f *fixture) contract(version n8nserver.Version) *n8nserver.Target {
	return &n8nserver.Target{URL: f.target.URL, Version: version, Cookie: f.sessions.kept().Cookie, Now: f.clock.Now}
}

// onContract runs the rows, and then the client.
func (f *fixture) onContract(version n8nserver.Version) {
	f.Helper()
	report, err := f.client.Check(f.Context(), f.target)
	f.ok(err)
	if !strings.HasPrefix(report.ServerVersion, strconv.Itoa(version.Major)+"."+strconv.Itoa(version.Minor)+".") ||
		report.Account != n8nserver.Email || !slices.Contains(report.Rights, "tag:list") || len(report.Missing) != 0 || len(report.Warnings) != 0 != version.Before(2, 0) {
		f.Errorf("says of itself %+v", report)
	}
	f.Run("rows", func(t *testing.T) { n8nserver.Contract(t, f.contract(version)) })
	f.Run("client", func(t *testing.T) { f.life(t) })
}

// life is the life of two keys, as the client leads it on any version.
func (f *fixture) life(t *testing.T) {
	t.Helper()
	on := *f
	on.T = t
	f = &on
	ctx := t.Context()
	end := f.clock.Now().Add(30 * 24 * time.Hour).Truncate(time.Second)
	create := func(label string, scopes ...string) (n8n.Made, error) {
		return f.client.Create(ctx, f.target, n8n.Spec{Label: label, Scopes: scopes, ExpiresAt: end})
	}
	first, err := create("ci-bot-7f3a9c", "workflow:read", "tag:list", "tag:list")
	f.ok(err)
	second, err := create("ci-bot-aaaaaa", "tag:list")
	f.ok(err)
	secret := first.Secret.Reveal()
	if !first.Key.ExpiresAt.Equal(end) || first.Key.Last4 != secret[len(secret)-4:] || !slices.Equal(first.Key.Scopes, []string{"tag:list", "workflow:read"}) {
		t.Errorf("made %+v", first.Key)
	}
	_, err = create("ci-bot-7f3a9c", "tag:list")
	f.wants(err, remote.NameConflict)
	_, err = create("ci-bot-bbbbbb", "banana:peel")
	f.wants(err, remote.ScopeInvalid)
	keys, err := f.client.List(ctx, f.target)
	f.ok(err)
	if len(keys) != 2 {
		t.Errorf("%d keys are listed, want 2", len(keys))
	}
	found, there, err := f.client.Find(ctx, f.target, "ci-bot-aaaaaa")
	f.ok(err)
	if !there || found.ID != second.Key.ID || !found.ExpiresAt.Equal(end) {
		t.Errorf("found %v %+v", there, found)
	}
	f.verifies(first.Secret, remote.Valid)
	f.verifies(credential.NewText("eyJhbGciOiJIUzI1NiJ9.e30.x"), remote.Invalid)
	first = f.rotates(first)
	for _, k := range []n8n.Made{first, second} {
		f.ok(f.client.Delete(ctx, f.target, k.Key.ID))
		f.ok(f.client.Delete(ctx, f.target, k.Key.ID))
		f.verifies(k.Secret, remote.Invalid)
	}
	if keys, err = f.client.List(ctx, f.target); err != nil || len(keys) != 0 {
		t.Errorf("%d keys are left, %v", len(keys), err)
	}
}

func (f *fixture) verifies(secret credential.Text, want remote.Outcome) {
	f.Helper()
	if v := f.client.Verify(f.Context(), f.target, secret); v.Outcome != want {
		f.Errorf("verified as %s (%s), want %s", v.Outcome, v.Text, want)
	}
}

// rotates gives a key another secret where the version can.
func (f *fixture) rotates(was n8n.Made) n8n.Made {
	f.Helper()
	can, err := f.client.CanRotate(f.Context(), f.target)
	f.ok(err)
	is, err := f.client.Rotate(f.Context(), f.target, was.Key.ID)
	if !can {
		f.wants(err, remote.EndpointMissing)
		return was
	}
	f.ok(err)
	if is.Key.ID != was.Key.ID || is.Key.Label != was.Key.Label || !is.Key.ExpiresAt.Equal(was.Key.ExpiresAt) {
		f.Errorf("rotated to %+v", is.Key)
	}
	f.verifies(was.Secret, remote.Invalid)
	f.verifies(is.Secret, remote.Valid)
	return is
}
