package importer

import (
	"io"
	"slices"

	"go.yaml.in/yaml/v3"
)

// openEnvoyGateway reads the Secrets of Envoy Gateway's API key authentication:
// each entry is the id of a client and its key. When the file holds
// SecurityPolicies with apiKeyAuth, too, only the Secrets that they name are
// read; otherwise every opaque Secret is, so the file must hold no other.
func openEnvoyGateway(in io.Reader) (source, error) {
	all, err := objects(in)
	if err != nil {
		return nil, err
	}
	found, err := secrets(all)
	if err != nil {
		return nil, err
	}
	named, narrowed := credentialRefs(all)
	var out readySource
	for i := range found {
		s := &found[i]
		if s.kind != "" && s.kind != "Opaque" || narrowed && !slices.Contains(named, [2]string{s.namespace, s.name}) {
			continue
		}
		for _, e := range s.entries() {
			row, err := e.row(e.name)
			note(&row, "secret", s.namespace+"/"+s.name)
			out.add(row, err)
		}
	}
	return &out, nil
}

// credentialRefs are the namespaces and names of the Secrets that policies
// name; narrowed is false when the file has no such policy.
func credentialRefs(all []*yaml.Node) (named [][2]string, narrowed bool) {
	for _, n := range all {
		auth := child(child(n, "spec"), "apiKeyAuth")
		if text(child(n, "kind")) != "SecurityPolicy" || auth == nil {
			continue
		}
		narrowed = true
		home := text(child(child(n, "metadata"), "namespace"))
		for _, ref := range elements(child(auth, "credentialRefs")) {
			namespace := text(child(ref, "namespace"))
			if namespace == "" {
				namespace = home
			}
			named = append(named, [2]string{namespace, text(child(ref, "name"))})
		}
	}
	return named, narrowed
}
