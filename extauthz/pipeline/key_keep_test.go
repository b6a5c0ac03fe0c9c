package pipeline_test

import (
	"bytes"
	"encoding/gob"
	"net/netip"
	"reflect"
	"testing"
	"time"
	"unique"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"credence/extauthz/pipeline"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

// A restriction that got lost on the way would be none.
func TestAKeyIsTheSameAfterItHasBeenKept(t *testing.T) {
	record := store.KeyRecord{
		Key: store.Key{
			KeyID: "key_1", Namespace: "default", Owner: "team", KeyType: store.KeyTypeService, Status: store.StatusActive,
			Environment: "live", Plan: "gold", Scopes: []string{"orders:write", "orders:read"},
			Limits:   []limit.Limit{{Name: "daily", Limit: 10, Period: time.Second, Burst: 20}},
			Quotas:   []limit.Quota{{Name: "monthly", Limit: 1000, Period: limit.QuotaMonth}},
			Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Hosts: []string{"*.Example.com"}, Methods: []string{"GET"},
			Paths: []string{"/a/*"}, NotBefore: time.Unix(1000, 0).UTC(), ExpiresAt: time.Unix(2000, 123456000).UTC(),
			Hash: credential.Hash{1, 2}, GraceEndsAt: time.Unix(1999, 0).UTC(), LimitsID: "key_0",
		},
		PlanQuotas:  []limit.Quota{{Name: "daily", Limit: 1000, Period: limit.QuotaDay}},
		OwnerLimits: []limit.Limit{{Name: "daily", Limit: 99, Period: time.Second, Burst: 99}},
	}
	key, err := pipeline.NewKey(record)
	if err != nil {
		t.Fatal(err)
	}
	// Every field is used, so that none is forgotten when it is new.
	for _, v := range []reflect.Value{reflect.ValueOf(*key), reflect.ValueOf(*key.Bounds)} {
		for field, value := range v.Fields() {
			if field.IsExported() && value.IsZero() {
				t.Errorf("%s.%s is not set", v.Type(), field.Name)
			}
		}
	}
	key.Encode([]byte("identity"), []byte("metadata"), []byte("policy"))
	key.Foreign = true
	for field, value := range reflect.ValueOf(*key).Fields() {
		if value.IsZero() && field.Name != "seat" {
			t.Errorf("%s is not set", field.Name)
		}
	}
	c := key.Copy()
	if diff := cmp.Diff(*key, c, cmpopts.EquateComparable(netip.Prefix{}, pipeline.Shared{}, unique.Handle[string]{}),
		cmp.AllowUnexported(pipeline.Key{}, pipeline.SubjectLimit{})); diff != "" {
		t.Errorf("a copy (-was +is)\n%s", diff)
	}
	key.Foreign = false
	var outside bytes.Buffer
	var kept pipeline.Key
	if err := gob.NewEncoder(&outside).Encode(key); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewDecoder(&outside).Decode(&kept); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(key, pipeline.Revive(&kept), cmpopts.EquateComparable(netip.Prefix{}, pipeline.Shared{}), cmpopts.IgnoreUnexported(pipeline.Key{}, pipeline.SubjectLimit{})); diff != "" {
		t.Errorf("(-was +is)\n%s", diff)
	}
}

// TestACopyHasNoSeats, nor the limits that have them.
func TestACopyHasNoSeats(t *testing.T) {
	key := &pipeline.Key{Limits: []pipeline.SubjectLimit{{Label: "a"}}}
	what := 1
	pipeline.SeatOfKey[int](key).Put(&what)
	pipeline.SeatOf[int](&key.Limits[0]).Put(&what)
	c := key.Copy()
	if pipeline.SeatOfKey[int](&c).Get() != nil || pipeline.SeatOf[int](&c.Limits[0]).Get() != nil {
		t.Error("something is remembered")
	}
	pipeline.SeatOf[int](&c.Limits[0]).PutOver(&what, &what)
	if pipeline.SeatOf[int](&c.Limits[0]).Get() != nil {
		t.Error("put over what was not there")
	}
	pipeline.SeatOf[int](&c.Limits[0]).PutOver(nil, &what)
	if pipeline.SeatOf[int](&c.Limits[0]).Get() != &what {
		t.Error("not put over what was there")
	}
}
