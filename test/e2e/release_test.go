package e2e_test

import (
	"path/filepath"
	"slices"
	"testing"

	"credence/test/harness"
)

// step is what Envoy does from a release on.
type step[T any] struct {
	from harness.Release
	does T
}

// from is a step. The patch matters where a fix came with one.
func from[T any](minor, patch int, does T) step[T] {
	return step[T]{harness.Release{Major: 1, Minor: minor, Patch: patch}, does}
}

// always is what all supported releases do, up to the first step after it.
func always[T any](does T) step[T] { return from(36, 0, does) }

// expected answers what the Envoy under test does: the last step that it has
// reached. The steps go from old to new.
func expected[T any](steps ...step[T]) T {
	does := steps[0].does
	for _, s := range steps[1:] {
		if release.Compare(s.from) >= 0 {
			does = s.does
		}
	}
	return does
}

// accepts reports whether the Envoy under test is that release or a later one.
func accepts(minor, patch int) bool {
	return release.Compare(harness.Release{Major: 1, Minor: minor, Patch: patch}) >= 0
}

// An unknown field is fatal: a configuration that names one of these does not
// start on an older Envoy. None stands in a shipped one.
func TestFieldsThatOlderReleasesDoNotTake(t *testing.T) {
	for name, field := range map[string]struct {
		value any
		minor int // the release that brought it, of 1.x
	}{
		"max_denied_response_body_bytes": {4096, 36},
		"enforce_response_header_limits": {true, 37},
		"shadow_mode":                    {true, 38},
		"clear_route_cache_headers":      {[]any{"x-who"}, 40},
		"emit_client_span":               {true, 40},
	} {
		c, err := harness.ShippedConfig()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Add(harness.ExtAuthzPlace+"/"+name, field.value); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "field.json")
		if err := c.Write(file); err != nil {
			t.Fatal(err)
		}
		err = harness.Validate(t.Context(), file)
		if known := accepts(field.minor, 0); (err == nil) != known {
			t.Errorf("%s: Validate = %v, want it accepted: %t", name, err, known)
		}
	}
}

// The access log cannot print the digest of a header on any release yet.
func TestNoReleasePrintsTheDigestOfAHeader(t *testing.T) {
	c, err := harness.ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	place := harness.HCMPlace + "/access_log/envoy.access_loggers.file/typed_config/log_format/json_format/digest"
	if err := c.Add(place, "%REQUEST_HEADER_SHA256(X-API-KEY)%"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "digest.json")
	if err := c.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := harness.Validate(t.Context(), file); err == nil {
		t.Error("accepted: the README may recommend it from this release on")
	}
}

// "timeout: 0s" means never up to 1.37 and forever from 1.38.
func TestATimeoutOfZeroRefusesEverythingOnOldReleases(t *testing.T) {
	t.Parallel()
	d := gateway(t, func(c *harness.Config) error { return c.Set(harness.ExtAuthzPlace+"/grpc_service/timeout", "0s") })
	k := shared.newKey(t, limited(5))
	want := expected(always(503), from(38, 0, 200))
	d.get(t, "/zero", k.header()).wantStatus(t, want)
	left := 3 // of five: what was refused above was not even asked
	if want == 503 {
		left = 4
	}
	wantLeft(t, shared.get(t, "/zero", k.header()), left)
}

// Envoy's own shadow_mode (1.38) lets a refused request pass as the client
// wrote it, forged identity included. Ours does not: credence.mode: shadow.
func TestEnvoysShadowModePassesForgedIdentity(t *testing.T) {
	t.Parallel()
	if !accepts(38, 0) {
		return // proven above: the field is refused
	}
	d := gateway(t, func(c *harness.Config) error { return c.Add(harness.ExtAuthzPlace+"/shadow_mode", true) })
	forged := [2]string{"x-credence-owner", "forged"}
	if got := d.get(t, "/watched", forged).echoed(t).Values("x-credence-owner"); !slices.Equal(got, []string{"forged"}) {
		t.Errorf("x-credence-owner = %q under shadow_mode, want the forged one: the README warns of it", got)
	}
	if got := shared.get(t, "/shadow/watched", forged).echoed(t).Values("x-credence-owner"); len(got) > 0 {
		t.Errorf("x-credence-owner = %q under credence.mode, want none", got)
	}
}

// A segment ".;" is "." for servers that know path parameters. From 1.39
// Envoy agrees with them before it picks the route; older releases pick the
// route of a path that such an upstream then reads as another one.
func TestDotSegmentsWithParametersAreNormalizedFromARelease(t *testing.T) {
	t.Parallel()
	k := shared.newKey(t, nil) // without the scope that /orders demands
	r := shared.get(t, "/.;/orders/1", k.header())
	r.wantStatus(t, expected(always(200), from(39, 0, 403)))
	if r.status == 200 && r.echoed(t).Path != "/.;/orders/1" {
		t.Errorf("path %q, want it as it came", r.echoed(t).Path)
	}
}
