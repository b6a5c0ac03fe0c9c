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

func TestIstioctlFindsEveryFileValid(t *testing.T) {
	for _, file := range istioFiles {
		out, err := runTool(t, "", "istioctl", "validate", "-f", istioFolder+file)
		if err != nil || strings.Contains(out, "Warning") {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
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
		"--failure-threshold", "Warning", "-A",
	}, files...)...)
}

func TestIstioctlAnalyzesTheFilesTogetherWithoutAWarning(t *testing.T) {
	out, err := analyze(t, meshFile(t), func(s string) string { return s })
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The analysis really looks at what refers to what.
func TestIstioctlFindsAReferenceToNothing(t *testing.T) {
	out, err := analyze(t, meshFile(t), func(s string) string { return strings.ReplaceAll(s, "gateways: [shop]", "gateways: [shoop]") })
	if err == nil || !strings.Contains(out, "IST0101") {
		t.Errorf("%v\n%s", err, out)
	}
}
