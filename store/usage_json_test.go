package store_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/store"
	"credence/store/sketch"
)

func TestABatchOfUsageIsWrittenAsEncodingJSONWritesIt(t *testing.T) {
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
	addresses := rapid.SampledFrom([]netip.Addr{
		{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("fe80::1%e"),
	})
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`key_[0-9a-z]{26}`))
	crowds := rapid.Custom(func(t *rapid.T) (s sketch.Sketch) {
		for _, m := range rapid.SliceOfN(rapid.Uint16Range(0, 1023), 0, 100).Draw(t, "marks") {
			s.Add(sketch.Mark(m))
		}
		return s
	})
	keys := rapid.Custom(func(t *rapid.T) store.KeyUsage {
		return store.KeyUsage{
			Minute: instants.Draw(t, "minute"), Minutes: rapid.IntRange(1, 99).Draw(t, "minutes"), KeyID: texts.Draw(t, "key"),
			Reason: texts.Draw(t, "reason"), Policy: texts.Draw(t, "policy"), Checks: rapid.Int64().Draw(t, "checks"), Latency: time.Duration(rapid.Int64().Draw(t, "latency")),
			Addresses: crowds.Draw(t, "addresses"),
		}
	})
	uses := rapid.Custom(func(t *rapid.T) store.KeyLastUse {
		return store.KeyLastUse{KeyID: texts.Draw(t, "key"), At: instants.Draw(t, "at"), Address: addresses.Draw(t, "address"), Networks: rapid.SliceOfN(addresses, 0, 3).Draw(t, "networks")}
	})
	failing := rapid.Custom(func(t *rapid.T) store.FailingAddress {
		return store.FailingAddress{Minute: instants.Draw(t, "minute"), Reason: texts.Draw(t, "reason"), Address: addresses.Draw(t, "address"), Checks: 3}
	})
	agents := rapid.Custom(func(t *rapid.T) store.AgentUsage {
		return store.AgentUsage{
			Hour: instants.Draw(t, "hour"), KeyID: texts.Draw(t, "key"), Agent: texts.Draw(t, "agent"), Checks: rapid.Int64().Draw(t, "checks"),
			Denied: rapid.Int64().Draw(t, "denied"), Latency: time.Duration(rapid.Int64().Draw(t, "latency")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		b := store.UsageBatch{
			Replica: texts.Draw(t, "replica"), Sequence: rapid.Int64().Draw(t, "sequence"), Started: instants.Draw(t, "started"),
			At: instants.Draw(t, "at"), Final: rapid.Bool().Draw(t, "final"), Keys: rapid.SliceOfN(keys, 0, 3).Draw(t, "keys"),
			Used: rapid.SliceOfN(uses, 0, 3).Draw(t, "used"), Failing: rapid.SliceOfN(failing, 0, 3).Draw(t, "failing"),
			Agents: rapid.SliceOfN(agents, 0, 3).Draw(t, "agents"),
		}
		got, err := b.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// BenchmarkUsageBatchJSON writes a batch of 500 keys; "standard" is what
// encoding/json takes for it.
func BenchmarkUsageBatchJSON(b *testing.B) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	batch := store.UsageBatch{Replica: "rep_1", Sequence: 1, Started: at, At: at}
	for n := range 500 {
		k := store.KeyUsage{Minute: at, Minutes: 1, KeyID: fmt.Sprintf("key_%026d", n), Reason: "allowed", Checks: 1, Latency: time.Microsecond}
		k.Addresses.Add(sketch.Mark(n))
		batch.Keys = append(batch.Keys, k)
		batch.Used = append(batch.Used, store.KeyLastUse{KeyID: k.KeyID, At: at, Address: netip.MustParseAddr("192.0.2.1")})
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			var err error
			if out, err = batch.AppendJSON(out[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("standard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(batch); err != nil {
				b.Fatal(err)
			}
		}
	})
}
