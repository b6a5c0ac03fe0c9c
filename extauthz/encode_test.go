package extauthz

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// drawText is what stands in a field of a key, odd texts included: NewKey
// refuses most of them, the encoder must carry any.
func drawText(t *rapid.T, name string) string {
	return rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z0-9-]{1,20}`), rapid.StringN(0, 300, 600),
		rapid.Just(strings.Repeat("x", maxValue))).Draw(t, name)
}

func drawKey(t *rapid.T) *pipeline.Key {
	k := &pipeline.Key{
		KeyID: drawText(t, "key id"), Namespace: drawText(t, "namespace"), Owner: drawText(t, "owner"),
		KeyType: pipeline.SharedText(drawText(t, "type")), Plan: drawText(t, "plan"), Scopes: drawText(t, "scopes"),
	}
	for i := range rapid.IntRange(0, 10).Draw(t, "limits") {
		k.Limits = append(k.Limits, pipeline.SubjectLimit{Label: "l" + string(rune('a'+i)), Limit: limit.Limit{
			Limit:  rapid.Int64Range(1, limit.MaxLimit).Draw(t, "limit"),
			Period: time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "period")),
		}})
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "quotas") {
		period := limit.QuotaDay
		if rapid.Bool().Draw(t, "monthly") {
			period = limit.QuotaMonth
		}
		k.Quotas = append(k.Quotas, pipeline.SubjectQuota{Label: "q" + string(rune('a'+i)), Quota: limit.Quota{
			Limit: rapid.Int64Range(1, limit.MaxQuotaLimit).Draw(t, "quota"), Period: period,
		}})
	}
	return k
}

// outcomesOf are those of an allowed request, as a limiter gives them.
func outcomesOf(t *rapid.T, k *pipeline.Key, now time.Time) []pipeline.LimitOutcome {
	var all []pipeline.LimitOutcome
	for i := range k.Limits {
		l := &k.Limits[i]
		all = append(all, pipeline.LimitOutcome{Name: l.Label, Limit: l.Limit.Limit, Period: l.Period})
	}
	for i := range k.Quotas {
		q := &k.Quotas[i]
		start, end := q.Window(now)
		all = append(all, pipeline.LimitOutcome{Name: q.Label, Quota: true, Limit: q.Limit, Period: end.Sub(start)})
	}
	for i := range all {
		all[i].Remaining = rapid.Int64Range(0, all[i].Limit).Draw(t, "remaining")
		all[i].Reset = time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "reset"))
	}
	return all
}

// TestAnEncodedKeyIsAnsweredWithTheSameBytes: encoding a key beforehand saves
// time and changes nothing, for any key, limits, options and reason.
func TestAnEncodedKeyIsAnsweredWithTheSameBytes(t *testing.T) {
	request := marshal(t, getOrders())
	rapid.Check(t, func(t *rapid.T) {
		o := AnswerOptions{
			NoRateLimitFields: rapid.Bool().Draw(t, "no rate limit fields"), KeepCredential: rapid.Bool().Draw(t, "keep"),
			Metadata: rapid.SampledFrom([][]string{nil, {}, {"key_id"}, {"decision", "plan", "client"}}).Draw(t, "metadata"),
			Identity: Identity{Owner: IdentityHeader{Off: rapid.Bool().Draw(t, "owner off")}},
		}
		a, err := newAnswerer(o)
		if err != nil {
			t.Fatal(err)
		}
		key := drawKey(t)
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "now"), 0)
		encoded := *key
		a.encode(&encoded)
		decision := pipeline.Decision{
			Reason: rapid.SampledFrom(pipeline.Reasons()).Draw(t, "reason"), Stage: rapid.SampledFrom(pipeline.Stages()).Draw(t, "stage"),
			Shadow: rapid.Bool().Draw(t, "shadow"), Source: pipeline.KeySource(rapid.IntRange(0, 3).Draw(t, "source")),
			Client: netip.MustParseAddr("203.0.113.7"), Limits: outcomesOf(t, key, now),
		}
		answer := func(k *pipeline.Key) []byte {
			c := readBytes(slices.Clone(request))
			c.decision = decision
			c.decision.Key = k
			a.answer(c)
			return slices.Clone(*c.out)
		}
		if plain, quick := answer(key), answer(&encoded); !bytes.Equal(plain, quick) {
			t.Errorf("encoded beforehand the answer is\n%x\ninstead of\n%x", quick, plain)
		}
	})
}

// TestMetadataFieldsAreAClosedList, in which each name may stand once.
func TestMetadataFieldsAreAClosedList(t *testing.T) {
	for _, bad := range [][]string{{"reasons"}, {"reason", "reason"}, {""}} {
		err := AnswerOptions{Metadata: bad}.Validate()
		if err == nil || !strings.HasPrefix(err.Error(), "option Answer.Metadata: ") || !strings.Contains(err.Error(), "choose from") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, name := range MetadataFields() {
		m := answered(t, newTestAnswerer(t, AnswerOptions{Metadata: []string{name}}), getOrders(), func(d *pipeline.Decision) {
			acceptKey(d)
			d.Policy = "orders"
		})
		object := m.GetDynamicMetadata().GetFields()[metadataObject].GetStructValue().GetFields()
		if len(object) != 1 || object[name].GetStringValue() == "" {
			t.Errorf("asked for %s alone, the metadata are %v", name, object)
		}
	}
	if m := answered(t, newTestAnswerer(t, AnswerOptions{Metadata: []string{}}), getOrders(), acceptKey); m.GetDynamicMetadata() != nil {
		t.Errorf("asked for none, the metadata are %v", m.GetDynamicMetadata())
	}
}

// TestAKeyThatIsTooLongToKeepIsEncodedEachTime: pieces are addressed with 16
// bits.
func TestAKeyThatIsTooLongToKeepIsEncodedEachTime(t *testing.T) {
	long := make([]byte, 70_000)
	var k pipeline.Key
	if k.Encode(long, long, nil); k.Encoded() {
		t.Error("kept")
	}
	k.Encode(long[:20_000], long, long)
	if !k.Encoded() || len(k.EncodedIdentity()) != 20_000 || len(k.EncodedMetadata()) != 70_000 || len(k.EncodedPolicy()) != 70_000 {
		t.Error("pieces are not what was put in")
	}
}
