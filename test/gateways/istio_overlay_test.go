package gateways

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// overlay are the objects of envoy/istio/credence that Kubernetes knows: those
// of the manifests, changed as the patches say by Kubernetes' own merge.
func overlay(t *testing.T) *objects {
	t.Helper()
	o := manifests(t)
	k := readKustomization(t, "envoy/istio/credence")
	for _, file := range k.Resources {
		if strings.HasPrefix(file, "../") || file == "mesh.yaml" {
			continue
		}
		for _, document := range documents(t, repositoryFile(t, "envoy/istio/credence/"+file)) {
			if err := o.add(document); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	for _, p := range k.Patches {
		text := []byte(repositoryFile(t, "envoy/istio/credence/"+p.Path))
		var head struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(text, &head); err != nil {
			t.Fatal(err)
		}
		switch head.Kind {
		case "Deployment":
			merge(t, o.deployments[head.Name], text, &appsv1.Deployment{})
		case "Job":
			merge(t, o.jobs[head.Name], text, &batchv1.Job{})
		case "Service":
			merge(t, o.services[head.Name], text, &corev1.Service{})
		case "Namespace":
			merge(t, o.namespaces[head.Name], text, &corev1.Namespace{})
		default:
			t.Fatalf("%s: patches a %s", p.Path, head.Kind)
		}
	}
	return o
}

// merge applies a patch. Without its directives it has to be an object of the
// type, so that no field of it is misspelt.
func merge[T any](t *testing.T, object *T, patch []byte, fresh *T) {
	t.Helper()
	if object == nil {
		t.Fatalf("patches what is not there:\n%s", patch)
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(string(patch), "- $patch: delete\n          ", "- "), "- $patch: delete\n        ", "- ")
	if err := decode([]byte(plain), new(T)); err != nil {
		t.Fatalf("%v in\n%s", err, plain)
	}
	before, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	change, err := yaml.YAMLToJSON(patch)
	if err != nil {
		t.Fatal(err)
	}
	after, err := strategicpatch.StrategicMergePatch(before, change, *fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(after, fresh); err != nil {
		t.Fatal(err)
	}
	*object = *fresh
}

func TestMeshFitsTogetherAndGivesEachProcessTheLeast(t *testing.T) {
	o := overlay(t)
	o.fits(t)
	for _, name := range []string{"credence-extauthz", "credence-management"} {
		c := o.podOf(t, name).Spec.Containers[0]
		if !hasFlag(c, "insecure-plaintext") || strings.Contains(strings.Join(c.Args, " "), "/tls/") {
			t.Errorf("%s: %v", name, c.Args)
		}
		if !strings.Contains(o.podOf(t, name).Annotations["proxy.istio.io/config"], "terminationDrainDuration: 20s") {
			t.Errorf("%s: its sidecar goes before it has drained", name)
		}
	}
	if o.podOf(t, "credence-migrate").Labels["sidecar.istio.io/inject"] != "false" {
		t.Error("the migration gets a sidecar that keeps it from ending")
	}
	if *o.services["credence-management"].Spec.Ports[0].AppProtocol != "http" {
		t.Error("Istio takes the management API for TLS")
	}
}

// But for TLS, and what only a mesh has, it is the same deployment.
func TestMeshChangesNoOtherArgument(t *testing.T) {
	base, mesh := manifests(t), overlay(t)
	for _, name := range base.workloads() {
		of := func(o *objects) []string {
			return slices.DeleteFunc(slices.Clone(o.podOf(t, name).Spec.Containers[0].Args), func(a string) bool {
				return strings.Contains(a, "-tls-") || a == "--insecure-plaintext" || strings.HasPrefix(a, "--client-source=")
			})
		}
		if !slices.Equal(of(base), of(mesh)) {
			t.Errorf("%s: %v became %v", name, of(base), of(mesh))
		}
	}
}

// Istio's sidecars send what is for a headless Service to wherever the client
// wanted to go.
func TestMeshIsAskedByAServiceWithAnAddress(t *testing.T) {
	o := overlay(t)
	s := o.services["credence-check"]
	if s == nil || s.Spec.ClusterIP != "" || s.Spec.Ports[0].Port != 9001 || *s.Spec.Ports[0].AppProtocol != "grpc" {
		t.Fatalf("%+v", s)
	}
	if got := o.selected(t, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}); len(got) != 1 || got[0] != "credence-extauthz" {
		t.Errorf("selects %v", got)
	}
}
