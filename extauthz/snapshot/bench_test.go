package snapshot_test

import (
	"encoding/binary"
	"testing"
	"time"

	"credence/extauthz/cache"
	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// BenchmarkReplica writes 100,000 keys and reads them again.
func BenchmarkReplica(b *testing.B) {
	const keys = 100_000
	r := newReplica(b)
	r.keys.entries = make([]cache.Kept, keys)
	r.keys.chunk = 512
	for i := range r.keys.entries {
		var d credential.Digest
		binary.BigEndian.PutUint64(d[:], uint64(i)*0x9e3779b97f4a7c15)
		copy(d[8:], "some bytes that are no zeros")
		r.keys.entries[i] = cache.Kept{
			Digest: d, Revision: 1, ReadAt: r.now,
			Key: &pipeline.Key{
				KeyID: "key_06h0dka6e7a5raj7qwhg7d88cm", Namespace: "default", KeyType: pipeline.SharedText("service"), Status: store.StatusActive,
				Environment: "live", Scopes: "orders:read orders:write", Hash: credential.Hash(d),
				Limits: []pipeline.SubjectLimit{{
					Subject: "key_06h0dka6e7a5raj7qwhg7d88cm", Label: "default", Limit: limit.Limit{Name: "default", Limit: 10, Period: time.Second, Burst: 20},
				}},
			},
		}
	}
	for b.Loop() {
		r.start()
		b.ReportMetric(float64(r.keeper.Stats().Bytes)/keys, "bytes/key")
		r.killed()
		r.restored()
	}
}
