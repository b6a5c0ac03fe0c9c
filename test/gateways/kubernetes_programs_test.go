//go:build gateways

package gateways

import (
	"strings"
	"testing"
)

// built are the objects of Kubernetes' own kinds that kustomize makes of a
// folder, and the text of them.
func built(t *testing.T, folder string) (*objects, string) {
	t.Helper()
	o := newObjects()
	var kept []string
	for _, document := range documents(t, output(t, "", "kustomize", "build", folder)) {
		if strings.Contains(string(document), "istio.io/") && !strings.Contains(string(document), "kind: Deployment") &&
			!strings.Contains(string(document), "kind: Job") {
			if _, err := decodeIstio(document); err != nil {
				t.Error(err)
			}
			continue
		}
		if err := o.add(document); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(document))
	}
	return o, strings.Join(kept, "\n---\n")
}

// What `kubectl apply -k` would send is what the other tests looked at, with
// the operator's image in it, and Kubernetes' own schemas accept it.
func TestKustomizeMakesTheDeploymentThatTheTestsLookAt(t *testing.T) {
	location := schemas(t)
	for folder, want := range map[string]*objects{"envoy/kubernetes": manifests(t), "envoy/istio/credence": overlay(t)} {
		t.Run(folder, func(t *testing.T) {
			got, text := built(t, folder)
			conforms(t, location, text)
			got.fits(t)
			for _, name := range want.workloads() {
				if image := got.podOf(t, name).Spec.Containers[0].Image; image != "registry.example.com/credence:1" {
					t.Errorf("%s: image %s", name, image)
				}
				pod := got.podOf(t, name)
				pod.Spec.Containers[0].Image = "credence"
				same(t, name, pod, want.podOf(t, name))
			}
			for name := range want.services {
				same(t, name, got.services[name].Spec, want.services[name].Spec)
			}
			for name := range want.policies {
				same(t, name, got.policies[name].Spec, want.policies[name].Spec)
			}
		})
	}
}
