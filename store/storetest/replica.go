package storetest

import (
	"fmt"
	"time"

	"credence/store"
)

func replicaPromises() []promise {
	return []promise{
		{"PutReplica", "inserts and overwrites the row", func(f *fixture) {
			r := f.sampleReplica("rep_1")
			noZeroField(f, r)
			f.ok(f.backend.PutReplica(f.Context(), r))
			equal(f, f.replicas(time.Time{}), []store.Replica{r})
			r.Name, r.Address, r.Version = "pod-2", "127.0.0.1:9009", "1.1.0"
			r.Applied = store.Position{Revision: 8, ID: "chg_8"}
			r.StartedAt, r.SeenAt, r.LeftAt = r.StartedAt.Add(1e6), r.SeenAt.Add(1e6), time.Time{}
			r.LastRead, r.Ceiling = time.Time{}, 36*time.Hour+time.Microsecond
			f.ok(f.backend.PutReplica(f.Context(), r))
			equal(f, f.replicas(time.Time{}), []store.Replica{r})
		}},
		{"Replicas", "answers all seen after since, ordered by id, signed off or not", func(f *fixture) {
			seen := f.clock.now()
			for _, id := range []string{"rep_3", "rep_1", "rep_2", "rep_0"} {
				r := f.sampleReplica(id)
				if id == "rep_0" {
					r.SeenAt = seen
				} else {
					r.SeenAt = seen.Add(time.Microsecond)
				}
				if id == "rep_2" {
					r.LeftAt = time.Time{}
				}
				f.ok(f.backend.PutReplica(f.Context(), r))
			}
			inOrder(f, names(f.replicas(seen), func(r store.Replica) string { return r.ID }), "rep_1", "rep_2", "rep_3")
		}},
		{"RemoveReplicas", "deletes the rows last seen before the instant", func(f *fixture) {
			r := f.sampleReplica("rep_1")
			f.ok(f.backend.PutReplica(f.Context(), r))
			later := f.sampleReplica("rep_2")
			later.SeenAt = r.SeenAt.Add(time.Microsecond)
			f.ok(f.backend.PutReplica(f.Context(), later))
			n, err := f.backend.RemoveReplicas(f.Context(), later.SeenAt)
			f.ok(err)
			equal(f, n, 1)
			equal(f, f.replicas(time.Time{}), []store.Replica{later})
		}},
		{"RemoveReplicas", "deletes a batch at most, oldest first", func(f *fixture) {
			for i := range store.RemoveBatch + 1 {
				r := f.sampleReplica(fmt.Sprintf("rep_%03d", i))
				r.SeenAt = r.SeenAt.Add(-time.Duration(i) * time.Second)
				f.ok(f.backend.PutReplica(f.Context(), r))
			}
			n, err := f.backend.RemoveReplicas(f.Context(), f.clock.now().Add(time.Hour))
			f.ok(err)
			equal(f, n, store.RemoveBatch)
			inOrder(f, names(f.replicas(time.Time{}), func(r store.Replica) string { return r.ID }), "rep_000")
		}},
	}
}

func (f *fixture) sampleReplica(id string) store.Replica {
	now := f.clock.now()
	return store.Replica{
		ID: id, Name: "pod-1", Address: "127.0.0.1:9001", Version: "1.0.0", Applied: store.Position{Revision: 7, ID: "chg_7"},
		StartedAt: now.Add(-time.Hour), SeenAt: now, LeftAt: now.Add(time.Second),
		LastRead: now.Add(-time.Second), Ceiling: time.Hour,
	}
}

func (f *fixture) replicas(since time.Time) []store.Replica {
	f.Helper()
	found, err := f.backend.Replicas(f.Context(), since)
	f.ok(err)
	return found
}
