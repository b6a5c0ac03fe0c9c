package gateways

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"credence/test/harness"
)

// kustomization is what our kustomization files may say.
type kustomization struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Namespace  string   `json:"namespace"`
	Resources  []string `json:"resources"`
	Images     []struct {
		Name    string `json:"name"`
		NewName string `json:"newName"`
		NewTag  string `json:"newTag"`
	} `json:"images"`
	Patches []struct {
		Path string `json:"path"`
	} `json:"patches"`
}

func readKustomization(t *testing.T, folder string) kustomization {
	t.Helper()
	var k kustomization
	if err := decode([]byte(repositoryFile(t, folder+"/kustomization.yaml")), &k); err != nil {
		t.Fatal(err)
	}
	if k.APIVersion != "kustomize.config.k8s.io/v1beta1" || k.Kind != "Kustomization" {
		t.Fatalf("%s: %s %s", folder, k.APIVersion, k.Kind)
	}
	return k
}

// manifests are the objects that `kubectl apply -k envoy/kubernetes` makes.
func manifests(t *testing.T) *objects {
	t.Helper()
	k := readKustomization(t, "envoy/kubernetes")
	o := newObjects()
	for _, file := range k.Resources {
		for _, document := range documents(t, repositoryFile(t, "envoy/kubernetes/"+file)) {
			if err := o.add(document); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	return o
}

func TestManifestsAreAllNamedByTheKustomization(t *testing.T) {
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, "envoy/kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	k := readKustomization(t, "envoy/kubernetes")
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") && e.Name() != "kustomization.yaml" && !slices.Contains(k.Resources, e.Name()) {
			t.Errorf("%s is applied by nobody", e.Name())
		}
	}
	if len(k.Images) != 1 || k.Images[0].Name != "credence" {
		t.Errorf("images: %+v", k.Images)
	}
}

func TestManifestsFitTogetherAndGiveEachProcessTheLeast(t *testing.T) {
	o := manifests(t)
	o.fits(t)
	if got := strings.Join(o.workloads(), " "); got != "credence-extauthz credence-management credence-migrate" {
		t.Fatalf("workloads: %s", got)
	}
	for _, name := range o.workloads() {
		if image := o.podOf(t, name).Spec.Containers[0].Image; image != "credence" {
			t.Errorf("%s: image %s, which the kustomization does not replace", name, image)
		}
		if _, ok := o.policies[name]; !ok {
			t.Errorf("%s: no NetworkPolicy", name)
		}
	}
	for _, name := range []string{"credence-extauthz", "credence-management"} {
		if o.services[name] == nil || o.budgets[name] == nil {
			t.Errorf("%s: no Service or no PodDisruptionBudget", name)
		}
	}
}

// An Envoy must see every replica, and speak HTTP/2 to it.
func TestManifestsServiceOfTheDataPlaneIsHeadlessAndSaysGRPC(t *testing.T) {
	s := manifests(t).services["credence-extauthz"]
	if s.Spec.ClusterIP != corev1.ClusterIPNone || *s.Spec.Ports[0].AppProtocol != "grpc" || s.Spec.Ports[0].Port != 9001 {
		t.Errorf("%+v", s.Spec)
	}
}

// Each door is for pods with its label, in namespaces with its label.
func TestManifestsLetOnlyLabelledClientsIn(t *testing.T) {
	o := manifests(t)
	for _, door := range []struct{ policy, port, label string }{
		{"credence-extauthz", "grpc-check", "credence-check-client"}, {"credence-management", "api", "credence-api-client"},
	} {
		peer := o.reach(t, door.policy, door.port)
		if peer.PodSelector == nil || peer.NamespaceSelector == nil ||
			!maps.Equal(peer.PodSelector.MatchLabels, map[string]string{door.label: "true"}) ||
			!maps.Equal(peer.NamespaceSelector.MatchLabels, map[string]string{door.label + "s": "true"}) {
			t.Errorf("%s: %+v", door.policy, peer)
		}
	}
	if len(o.policies["credence-migrate"].Spec.Ingress) != 0 {
		t.Error("somebody may talk to the migration")
	}
}

// The API refuses names it does not know, so it has to know its Service's.
func TestManifestsTellTheAPIItsNames(t *testing.T) {
	o := manifests(t)
	c := o.deployments["credence-management"].Spec.Template.Spec.Containers[0]
	service := o.services["credence-management"]
	known := strings.Split(argument(c, "api-hosts", ""), ",")
	inside := service.Name + "." + service.Namespace
	for _, name := range []string{service.Name, inside, inside + ".svc", inside + ".svc.cluster.local"} {
		if !slices.Contains(known, name) {
			t.Errorf("the API does not answer to %s", name)
		}
	}
}
