//go:build gateways

package gateways

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/test/harness"
)

var update = flag.Bool("update", false, "write the golden files of the chart anew")

func valuesOf(set string) string { return "test/gateways/testdata/helm/" + set + ".values.yaml" }

func TestHelmFindsNothingToComplainAbout(t *testing.T) {
	for _, set := range valueSets {
		output(t, "", "helm", "lint", "--strict", "envoy/helm", "-f", valuesOf(set))
	}
}

// The golden files, which every `make test` holds to everything else, are what
// helm makes of the chart; and Kubernetes' own schemas accept them.
func TestHelmMakesTheGoldenFiles(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	location := schemas(t)
	for _, set := range valueSets {
		t.Run(set, func(t *testing.T) {
			made := output(t, "", "helm", "template", "credence", "envoy/helm", "--namespace", "credence", "-f", valuesOf(set))
			golden := filepath.Join("test/gateways/testdata/helm", set+".golden.yaml")
			if *update {
				if err := os.WriteFile(filepath.Join(root, golden), []byte(made), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(repositoryFile(t, golden), made); diff != "" {
				t.Errorf("%s (-) is not what helm makes (+): run `go test -tags gateways ./test/gateways -run Helm -update`\n%s", golden, diff)
			}
			conforms(t, location, made)
		})
	}
}

// Values that cannot work are refused with a sentence that says why.
func TestHelmRefusesValuesThatCannotWork(t *testing.T) {
	for set, want := range map[string]string{
		"image.repostory=x":                                "repostory",
		"image.repository=":                                "image.repository is empty",
		"image.tag=":                                       "image.tag is empty",
		"transport=tsl":                                    "transport",
		"extauthz.replicas=0":                              "replicas",
		"extauthz.clientSource=x-forwarded-for":            "clientSource",
		"extauthz.drainDelaySeconds=40":                    "extauthz.terminationGracePeriodSeconds must be longer",
		"management.shutdownGraceSeconds=30":               "management.terminationGracePeriodSeconds must be longer",
		"extauthz.extraArgs={failure-limit=1/s}":           "extraArgs",
		"secrets.keyset=Not A Name":                        "keyset",
		"management.oidcSecret=Not A Name":                 "oidcSecret",
		"networkPolicy.database.port=postgres":             "port",
		"management.terminationGracePeriodSeconds=forever": "terminationGracePeriodSeconds",
	} {
		out, err := runTool(t, "", "helm", "template", "credence", "envoy/helm", "-f", valuesOf("minimal"), "--set", set)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("--set %q: error %v does not say %q:\n%s", set, err, want, out)
		}
	}
}

// A release of another name still says whose its objects are.
func TestHelmNamesTheObjectsOfARelease(t *testing.T) {
	for release, want := range map[string]string{"credence": "name: credence-extauthz\n", "edge": "name: edge-credence-extauthz\n"} {
		made := output(t, "", "helm", "template", release, "envoy/helm", "-f", valuesOf("minimal"), "--show-only", "templates/extauthz.yaml")
		if !strings.Contains(made, want) {
			t.Errorf("release %s: no %s", release, want)
		}
	}
}

// The notes an operator sees say the next step with names that are there.
func TestHelmNotesSayTheNextStep(t *testing.T) {
	for set, want := range map[string][]string{
		"minimal": {
			"exec deploy/credence-management -- /usr/local/bin/credence tokens bootstrap", "https://127.0.0.1:8080",
			"credence-extauthz.shop.svc.cluster.local:9001", "credence-check-clients=true",
		},
		"plaintext": {"http://127.0.0.1:8080", "make sure that it encrypts"},
	} {
		notes := output(t, "", "helm", "install", "credence", "envoy/helm", "--namespace", "shop", "-f", valuesOf(set), "--dry-run=client")
		for _, w := range want {
			if !strings.Contains(notes, w) {
				t.Errorf("%s: the notes do not say %q:\n%s", set, w, notes)
			}
		}
	}
}
