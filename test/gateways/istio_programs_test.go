//go:build gateways

package gateways

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"credence/test/authority"
)

// known is what istioctl says of every EnvoyFilter there is.
const known = "EnvoyFilter exposes internal implementation details"

// complaints are the lines that say what is wrong, but for the known one.
func complaints(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		says := strings.HasPrefix(line, "* ") || strings.Contains(line, " [IST") || strings.HasPrefix(line, "Error")
		if says && !strings.Contains(line, known) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestIstioctlFindsEveryFileValid(t *testing.T) {
	for _, file := range istioFiles {
		out, err := runTool(t, "", "istioctl", "validate", "-f", istioFolder+file)
		if err != nil || len(complaints(out)) > 0 {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
	path := filepath.Join(t.TempDir(), "tls.yaml")
	authority.Write(t, path, []byte(strings.Replace(repositoryFile(t, istioFolder+"tls.yaml"), "MUTUAL", "MUTUALLY", 1)), 0o600)
	if out, err := runTool(t, "", "istioctl", "validate", "-f", path); err == nil {
		t.Errorf("a mode that is not there was not found:\n%s", out)
	}
}

// meshFile is the MeshConfig alone, as istioctl wants it.
func meshFile(t *testing.T) string {
	t.Helper()
	var file map[string]any
	if err := yaml.Unmarshal([]byte(repositoryFile(t, istioFolder+"meshconfig.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(file["meshConfig"])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mesh.yaml")
	authority.Write(t, path, text, 0o600)
	return path
}

// analyze looks at all our files together with an operator's gateway and shop.
func analyze(t *testing.T, mesh string, change func(string) string) (string, error) {
	t.Helper()
	surroundings := "test/gateways/testdata/istio/surroundings.yaml"
	deployment := filepath.Join(t.TempDir(), "credence.yaml")
	authority.Write(t, deployment, []byte(output(t, "", "kustomize", "build", "envoy/istio/credence")), 0o600)
	files := []string{surroundings, deployment}
	for _, file := range []string{"gateway.yaml", "routes.yaml"} {
		path := filepath.Join(t.TempDir(), file)
		authority.Write(t, path, []byte(change(repositoryFile(t, istioFolder+file))), os.FileMode(0o600))
		files = append(files, path)
	}
	return runTool(t, "", "istioctl", append([]string{
		"analyze", "--use-kube=false", "--meshConfigFile", mesh,
		"--failure-threshold", "Error", "-A",
	}, files...)...)
}

func TestIstioctlAnalyzesTheFilesTogetherWithoutAWarning(t *testing.T) {
	out, err := analyze(t, meshFile(t), func(s string) string { return s })
	if err != nil || len(complaints(out)) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The analysis really looks at what refers to what.
func TestIstioctlFindsAReferenceToNothing(t *testing.T) {
	out, err := analyze(t, meshFile(t), func(s string) string {
		return strings.ReplaceAll(s, "gateways: [shop]", "gateways: [shoop]")
	})
	if err == nil || !strings.Contains(strings.Join(complaints(out), "\n"), "IST0101") {
		t.Errorf("%v\n%s", err, out)
	}
}
