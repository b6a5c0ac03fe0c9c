package importer

import (
	"io"
	"slices"
	"strings"

	"credence/management/client"
)

// openAuthorino reads the Secrets of Authorino and Kuadrant: each holds one key
// in its entry api_key. Groups of the annotation kuadrant.io/groups become
// scopes, the other annotations of Kuadrant and the Secret's own labels become
// labels. Secrets without api_key are passed over.
func openAuthorino(in io.Reader) (source, error) {
	all, err := objects(in)
	if err != nil {
		return nil, err
	}
	found, err := secrets(all)
	if err != nil {
		return nil, err
	}
	var out readySource
	for i := range found {
		s := &found[i]
		entries := s.entries()
		at := slices.IndexFunc(entries, func(e entry) bool { return e.name == "api_key" })
		if at < 0 {
			continue
		}
		row, err := entries[at].row(s.name)
		if err == nil {
			s.describe(&row)
		}
		out.add(row, err)
	}
	return &out, nil
}

func (s *secret) describe(row *client.KeyImportRow) {
	about := child(s.node, "metadata")
	note(row, "secret", s.namespace+"/"+s.name)
	for key, value := range members(child(about, "labels")) {
		if !strings.HasPrefix(key.Value, "authorino.kuadrant.io/") && !strings.Contains(key.Value, "kubernetes.io/") {
			note(row, key.Value, text(value))
		}
	}
	for key, value := range members(child(about, "annotations")) {
		switch key.Value {
		case "kuadrant.io/groups":
			row.Scopes = strings.FieldsFunc(text(value), func(r rune) bool { return r == ',' || r == ' ' })
		case "secret.kuadrant.io/user-id", "secret.kuadrant.io/plan-id", "username":
			note(row, key.Value, text(value))
		}
	}
}
