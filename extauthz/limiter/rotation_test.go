package limiter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

// pair is a key and its successor, as the data plane reads them.
func pair(t *testing.T) (pair [2]*pipeline.Key) {
	t.Helper()
	for i, id := range []string{"key_1", "key_2"} {
		record := store.KeyRecord{Key: store.Key{
			KeyID: id, Namespace: "default", KeyType: store.KeyTypeService, Status: store.StatusActive,
			Limits: []limit.Limit{{Name: "hour", Limit: 40, Period: time.Hour, Burst: 40}},
			Quotas: []limit.Quota{{Name: "daily", Limit: 30, Period: limit.QuotaDay}},
		}}
		if i > 0 {
			record.LimitsID = "key_1"
		}
		var err error
		if pair[i], err = pipeline.NewKey(record); err != nil {
			t.Fatal(err)
		}
	}
	return pair
}

// A key and its successor, used in turn, get what one key gets: in memory,
// asked of Redis at each Check, and drawn from it in advance, by one replica
// or by two.
func TestAKeyAndItsSuccessorShareRatesAndQuotas(t *testing.T) {
	keys := pair(t)
	w := newWorld(t, &memoryCounters{}, nil)
	for range 100 {
		for _, k := range keys {
			w.take(1, k.Limits, nil)
		}
	}
	if out, ok := w.take(1, keys[1].Limits, nil); ok || out[0].Remaining != 0 {
		t.Errorf("in memory: %+v", out)
	}
	admitted := 0
	for i := range 100 {
		if _, ok := w.take(1, nil, keys[i%2].Quotas); ok {
			admitted++
		}
	}
	if admitted != 30 {
		t.Errorf("%d admitted of a quota of 30", admitted)
	}
	for _, exact := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 2, exact, nil, nil)
			admitted := 0
			for i := range 200 {
				if ok, shared := f.take(i%2, 1, keys[i/2%2].Limits...); ok && shared {
					admitted++
				}
			}
			// What is drawn in advance can lie with the replica that has no use for it.
			if admitted > 40 || admitted < 30 {
				t.Errorf("exact %v: %d admitted of 40", exact, admitted)
			}
		})
	}
}
