package pipeline_test

import (
	"slices"
	"testing"
	"time"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/limit"
)

func rotatedRecord(edit func(*store.KeyRecord)) store.KeyRecord {
	r := store.KeyRecord{Key: store.Key{
		KeyID: "key_2", Namespace: "default", KeyType: store.KeyTypeService, Status: store.StatusActive,
		Limits: []limit.Limit{{Name: "second", Limit: 10, Period: time.Second, Burst: 10}},
		Quotas: []limit.Quota{{Name: "daily", Limit: 1000, Period: limit.QuotaDay}},
	}}
	edit(&r)
	return r
}

func newKey(t *testing.T, r store.KeyRecord) *pipeline.Key {
	t.Helper()
	k, err := pipeline.NewKey(r)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A key and those that took over from it have one budget, of rates and of
// quotas, whichever of them is used; what is counted for others is not touched.
func TestAKeyAndItsSuccessorsAreCountedAsOne(t *testing.T) {
	owned := func(r *store.KeyRecord) {
		r.Owner, r.OwnerLimits = "team", []limit.Limit{{Name: "hour", Limit: 5, Period: time.Hour, Burst: 5}}
	}
	first := newKey(t, rotatedRecord(func(r *store.KeyRecord) { owned(r); r.KeyID = "key_1" }))
	second := newKey(t, rotatedRecord(func(r *store.KeyRecord) { owned(r); r.LimitsID = "key_1" }))
	third := newKey(t, rotatedRecord(func(r *store.KeyRecord) { owned(r); r.KeyID, r.LimitsID = "key_3", "key_1" }))
	stranger := newKey(t, rotatedRecord(func(r *store.KeyRecord) { owned(r); r.KeyID = "key_4" }))
	for _, k := range []*pipeline.Key{second, third} {
		if !slices.Equal(k.Limits, first.Limits) || !slices.Equal(k.Quotas, first.Quotas) {
			t.Errorf("%s is counted apart: %+v %+v", k.KeyID, k.Limits, k.Quotas)
		}
	}
	if first.Limits[0].Subject != "key_1" || first.Limits[1].Subject != "owner:default/team" || stranger.Limits[0].Subject != "key_4" {
		t.Errorf("counted for %+v and %+v", first.Limits, stranger.Limits)
	}
}

func TestTheEarlierOfExpiryAndGraceEndsAKey(t *testing.T) {
	early, late := time.Unix(1000, 1000).UTC(), time.Unix(2000, 0).UTC()
	for _, c := range []struct {
		name           string
		expires, grace time.Time
		end            time.Time
		rotated        bool
	}{
		{"neither", time.Time{}, time.Time{}, time.Time{}, false},
		{"expiry alone", early, time.Time{}, early, false},
		{"grace alone", time.Time{}, late, late, true},
		{"expiry first", early, late, early, false},
		{"grace first", late, early, early, true},
		{"both at once", early, early, early, false},
		{"grace before 1970", time.Time{}, time.Unix(-5, 0), time.UnixMicro(1), true},
	} {
		k := newKey(t, rotatedRecord(func(r *store.KeyRecord) { r.ExpiresAt, r.GraceEndsAt = c.expires, c.grace }))
		want := int64(0)
		if !c.end.IsZero() {
			want = c.end.UnixMicro()
		}
		if k.ExpiresAt != want || k.Rotated != c.rotated {
			t.Errorf("%s: ends at %d, rotated %v; want %d, %v", c.name, k.ExpiresAt, k.Rotated, want, c.rotated)
		}
	}
}
