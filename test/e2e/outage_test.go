package e2e_test

import (
	"testing"

	"credence/test/harness"
)

func impatient(c *harness.Config) error { return patience(c, "1s") }

func failOpen(c *harness.Config) error {
	if err := impatient(c); err != nil {
		return err
	}
	return c.Set(harness.ExtAuthzPlace+"/failure_mode_allow", true)
}

// counted waits until the ext_authz filter has counted more of one thing.
func counted(t *testing.T, d *deployment, name string, more func() int) {
	t.Helper()
	before, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := before[name] + int64(more())
	after, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after[name] != want {
		t.Errorf("counter %s = %d, want %d", name, after[name], want)
	}
}

// With Credence killed, the shipped configuration refuses with 503, which no
// denial of ours has without a body, so that an outage looks like one.
func TestWithTheServiceKilledNothingPassesAndItRecovers(t *testing.T) {
	t.Parallel()
	d := own(t, nil)
	k := d.newKey(t, nil)
	d.get(t, "/up", k.header()).wantStatus(t, 200)
	d.credence.Kill()
	requests := d.echo.Requests()
	counted(t, d, "error", func() int {
		r := d.get(t, "/down", k.header())
		r.wantStatus(t, 503)
		if r.body != "" {
			t.Errorf("body %q, want none: Envoy answers this one", r.body)
		}
		return 1
	})
	wantLogged(t, d, "/down", map[string]any{"flags": "UAEX", "code_details": "ext_authz_error", "key_id": nil})
	if d.echo.Requests() != requests {
		t.Error("a request reached the upstream")
	}
	if err := d.envoy.AwaitHealthy(t.Context(), "credence", false); err != nil {
		t.Fatal(err)
	}
	restart(t, d)
	d.get(t, "/again", k.header()).wantStatus(t, 200)
	d.get(t, "/again").wantStatus(t, 401)
}

// restart starts credence again where it was, on the same data.
func restart(t *testing.T, d *deployment) {
	t.Helper()
	again, err := harness.StartCredence(t.Context(), binary, d.home, append(flags(), "--check-addr", d.credence.Check.String())...)
	if err != nil {
		t.Fatal(err)
	}
	d.credence = again
	if err := d.envoy.AwaitHealthy(t.Context(), "credence", true); err != nil {
		t.Fatal(err)
	}
}

// Stopped, not dead: connections stay open and nothing answers. Envoy's own
// deadline ends each Check.
func TestWithTheServiceStuckNothingPassesAndItRecovers(t *testing.T) {
	t.Parallel()
	d := own(t, impatient)
	k := d.newKey(t, nil)
	d.get(t, "/up", k.header()).wantStatus(t, 200)
	if err := d.credence.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests := d.echo.Requests()
	counted(t, d, "error", func() int {
		d.get(t, "/stuck", k.header()).wantStatus(t, 503)
		d.get(t, "/stuck").wantStatus(t, 503)
		return 2
	})
	if d.echo.Requests() != requests {
		t.Error("a request reached the upstream")
	}
	if err := d.envoy.AwaitHealthy(t.Context(), "credence", false); err != nil {
		t.Fatal(err)
	}
	if err := d.credence.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := d.envoy.AwaitHealthy(t.Context(), "credence", true); err != nil {
		t.Fatal(err)
	}
	d.get(t, "/again", k.header()).wantStatus(t, 200)
	d.get(t, "/again").wantStatus(t, 401)
}

// An operator may prefer an open door to a closed one. Then, and only then, an
// outage lets requests pass; a refusal of ours is still a refusal.
func TestFailOpenPassesOutagesAndNeverRefusals(t *testing.T) {
	t.Parallel()
	d := own(t, failOpen)
	k := d.newKey(t, limited(1))
	d.get(t, "/up", k.header()).wantStatus(t, 200)
	d.get(t, "/up", k.header()).wantStatus(t, 429)
	d.get(t, "/up").wantStatus(t, 401)
	d.get(t, "/up", [2]string{"x-api-key", "\xff\xfe"}).wantStatus(t, 401)

	if err := d.credence.Freeze(t.Context()); err != nil {
		t.Fatal(err)
	}
	counted(t, d, "failure_mode_allowed", func() int {
		d.get(t, "/stuck").wantStatus(t, 200)
		return 1
	})
	d.credence.Kill()
	counted(t, d, "failure_mode_allowed", func() int {
		d.get(t, "/down").wantStatus(t, 200)
		return 1
	})
	restart(t, d)
	d.get(t, "/again").wantStatus(t, 401)
}

// A planned restart: the server says goodbye to its connections before it
// ends, and lets what is running end.
func TestAStoppedServiceFinishesWhatItHasBegun(t *testing.T) {
	t.Parallel()
	d := own(t, nil)
	k := d.newKey(t, nil)
	s := d.stream(t, k)
	s.turns(t, 200)
	if err := d.credence.Close(); err != nil {
		t.Fatal(err)
	}
	answers := s.end(t)
	for i, a := range answers {
		if a.status != 200 && a.status != 503 {
			t.Fatalf("request %d of %d got %d; only 200 and, once it is gone, 503 are right", i, len(answers), a.status)
		}
	}
	restart(t, d)
	d.get(t, "/again", k.header()).wantStatus(t, 200)
}

// Keys and revocations survive a crash. What was spent of a rate does not.
func TestARestartForgetsNoRevocation(t *testing.T) {
	t.Parallel()
	d := own(t, nil)
	kept, gone := d.newKey(t, nil), d.newKey(t, nil)
	d.get(t, "/up", gone.header()).wantStatus(t, 200)
	if _, err := d.credence.CLI(t.Context(), nil, "keys", "revoke", gone.id, "--reason", t.Name()); err != nil {
		t.Fatal(err)
	}
	d.credence.Kill()
	restart(t, d)
	d.get(t, "/again", kept.header()).wantStatus(t, 200)
	d.get(t, "/again", gone.header()).wantStatus(t, 401)
}
