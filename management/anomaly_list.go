package management

import (
	"context"

	"credence/store"
)

// AnomalyList is the input of [Service.AnomalyList]. Empty fields do not
// narrow.
type AnomalyList struct {
	Namespace string
	KeyID     string
	Type      string
	Severity  string
	State     string // open, acknowledged, resolved
	All       bool   // also resolved ones
	Page      PageInput
}

// AnomalyPage is a part of the findings, newest first.
type AnomalyPage struct {
	Items []store.Anomaly
	Next  store.Cursor // "" when nothing follows
}

// AnomalyList lists what was found. Findings about addresses belong to no
// namespace: only global actors see them.
func (s *Service) AnomalyList(ctx context.Context, a Actor, in AnomalyList) (AnomalyPage, error) {
	p := &problems{}
	page := p.page(in.Page)
	p.text("namespace", in.Namespace, 0, maxNamespace)
	f := store.AnomalyFilter{
		KeyID: p.text("key_id", in.KeyID, 0, maxFilter), Type: p.text("type", in.Type, 0, maxFilter),
		Severity: word(p, "severity", in.Severity, "", store.Severities()), State: word(p, "state", in.State, "", store.AnomalyStates()),
	}
	f.Unresolved = !in.All && f.State == ""
	if err := p.err("list anomalies"); err != nil {
		return AnomalyPage{}, err
	}
	var some bool
	if f.Namespaces, some = a.visible(in.Namespace); !some {
		return AnomalyPage{}, nil
	}
	found, next, err := s.store.Anomalies(ctx, f, page)
	if err != nil {
		return AnomalyPage{}, failed("list anomalies", err)
	}
	return AnomalyPage{Items: found, Next: next}, nil
}
