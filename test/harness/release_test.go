package harness

import "testing"

func TestAReleaseIsReadFromTheVersionLine(t *testing.T) {
	for line, want := range map[string]Release{
		"envoy bad8280d/1.36.4/Clean/RELEASE/BoringSSL":        {1, 36, 4},
		"envoy 0123abcd/1.41.0-dev/Modified/RELEASE/BoringSSL": {1, 41, 0},
	} {
		if got, err := parseRelease(line); err != nil || got != want {
			t.Errorf("parseRelease(%q) = %v, %v; want %v", line, got, err, want)
		}
	}
	for _, line := range []string{"", "envoy", "envoy 1.40.0", "envoy x/1.40/y", "envoy x/a.b.c/y"} {
		if got, err := parseRelease(line); err == nil {
			t.Errorf("parseRelease(%q) = %v, want an error", line, got)
		}
	}
}

func TestReleasesAreOrderedByNumberNotByText(t *testing.T) {
	if (Release{1, 36, 10}).Compare(Release{1, 36, 9}) <= 0 || (Release{1, 9, 0}).Compare(Release{1, 10, 0}) >= 0 {
		t.Error("10 comes before 9")
	}
}

func TestACopiedListenerIsOneOfItsOwn(t *testing.T) {
	c, err := ShippedConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CopyListener("other"); err != nil {
		t.Fatal(err)
	}
	if err := c.Set(In("other", HCMPlace+"/use_remote_address"), false); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]any{
		HCMPlace + "/use_remote_address":                    true,
		HCMPlace + "/stat_prefix":                           "gateway",
		In("other", HCMPlace+"/stat_prefix"):                "other",
		In("other", ListenerPlace+"/name"):                  "other",
		In("other", RoutesPlace+"/everything/match/prefix"): "/",
	} {
		if got, err := c.Get(place); err != nil || got != want {
			t.Errorf("%s = %v, %v; want %v", place, got, err, want)
		}
	}
}
