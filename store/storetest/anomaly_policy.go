package storetest

import (
	"context"
	"time"

	"credence/store"
)

func anomalyPolicyPromises() []promise {
	return []promise{
		{"AnomalyPolicy", "answers one that does nothing before anybody has set one", func(f *fixture) {
			p, err := f.backend.AnomalyPolicy(f.Context())
			f.ok(err)
			equal(f, p.Document, "{}")
			equal(f, p.Version, 1)
		}},
		{"UpdateAnomalyPolicy", "keeps the document as it is, and changes only the version that was read", func(f *fixture) {
			set := func(p store.AnomalyPolicy) error {
				return f.backend.Transact(f.Context(), func(ctx context.Context, w store.Writer) error { return w.UpdateAnomalyPolicy(ctx, p) })
			}
			want := store.AnomalyPolicy{Document: `{"b": 1,  "a": "x"}`, UpdatedAt: f.clock.now().Add(time.Hour), Version: 1}
			f.ok(set(want))
			f.refused(set(want), store.ErrStale)
			want.Version = 2
			got, err := f.backend.AnomalyPolicy(f.Context())
			f.ok(err)
			equal(f, got, want)
		}},
	}
}
