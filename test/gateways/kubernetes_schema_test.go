//go:build gateways

package gateways

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openAPI is the part that is read of Kubernetes' own description of its API.
type openAPI struct {
	Definitions map[string]map[string]any `json:"definitions"`
}

// schemas writes the JSON schemas that kubeconform reads, one for each kind,
// made of Kubernetes' own OpenAPI document, and answers the pattern of their
// places. An object may have no other fields than the document says.
func schemas(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(tool(t, "kubernetes-openapi-v1.37.2.json"))
	if err != nil {
		t.Fatal(err)
	}
	var api openAPI
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	kinds := 0
	for name, definition := range api.Definitions {
		tighten(name, definition)
		for _, file := range filesOf(definition) {
			writeJSON(t, filepath.Join(folder, file), map[string]any{"$ref": "definitions.json#/definitions/" + name})
			kinds++
		}
	}
	if kinds < 100 {
		t.Fatalf("the document has %d kinds only", kinds)
	}
	writeJSON(t, filepath.Join(folder, "definitions.json"), api)
	return filepath.Join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json")
}

// tighten closes an object for unknown fields, and says what the document
// leaves to formats: a quantity may be a number, a port a name.
func tighten(name string, definition map[string]any) {
	if _, ok := definition["properties"]; ok {
		definition["additionalProperties"] = false
	}
	switch {
	case definition["format"] == "int-or-string":
		delete(definition, "format")
		definition["type"] = []string{"string", "integer"}
	case strings.HasSuffix(name, ".api.resource.Quantity"):
		definition["type"] = []string{"string", "number"}
	}
}

// filesOf are the names under which kubeconform looks for a kind:
// deployment-apps-v1.json, service-v1.json.
func filesOf(definition map[string]any) []string {
	kinds, ok := definition["x-kubernetes-group-version-kind"].([]any)
	if !ok {
		return nil
	}
	var files []string
	for _, k := range kinds {
		of, ok := k.(map[string]any)
		if !ok {
			continue
		}
		name := fmt.Sprint(of["kind"])
		if group, _, _ := strings.Cut(fmt.Sprint(of["group"]), "."); group != "" {
			name += "-" + group
		}
		files = append(files, strings.ToLower(name)+"-"+fmt.Sprint(of["version"])+".json")
	}
	return files
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// conforms hands documents to kubeconform.
func conforms(t *testing.T, location, text string) {
	t.Helper()
	if out, err := runTool(t, text, "kubeconform", "-strict", "-summary", "-schema-location", location, "-"); err != nil {
		t.Errorf("kubeconform: %v\n%s", err, out)
	}
}

func TestKubeconformFindsWhatIsWrong(t *testing.T) {
	location := schemas(t)
	for what, document := range map[string]string{
		"a field that is not there": "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIp: None}\n",
		"a value of another type":   "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: many}]}\n",
		"a field that is missing":   "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1}\n",
		"a kind that is not there":  "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n",
	} {
		if out, err := runTool(t, document, "kubeconform", "-strict", "-schema-location", location, "-"); err == nil {
			t.Errorf("%s: not found\n%s", what, out)
		}
	}
}
