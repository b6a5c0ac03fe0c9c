// Package gateways proves the files in envoy/ that operators paste into a
// Kubernetes cluster: the plain manifests, the Helm chart, and what Istio and
// Envoy Gateway need to ask Credence.
//
// The tests come in two layers. What every `make test` runs needs no program
// but those of the other tests: each document is decoded strictly into the
// types of the API it is written for, so that an unknown or misspelt field
// fails, and then compared with what Credence itself says (its flags, ports
// and file modes) and with the other documents (names, labels, ports). What
// `make test-gateways` adds runs the real programs, helm, kubeconform,
// istioctl and egctl, which test/tools/gateways.sh builds into .tools/; those
// tests are behind the build tag "gateways", and fail with the command that
// builds the program when one is missing.
//
// Nothing here starts a cluster: that a kubelet really runs these pods, and
// that istiod really programs these proxies, is not proven.
package gateways
