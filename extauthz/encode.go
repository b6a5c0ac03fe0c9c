package extauthz

import (
	"time"

	"credence/extauthz/pipeline"
	"credence/store/limit"
)

// Encoder answers the function that encodes, once for each key, what answers
// say of that key: its identity headers, its metadata, and the policy of its
// limits. The cache calls it when a key enters. A server with the same options
// then copies these bytes into each answer; for a key without them it encodes
// them anew each time. The error names the option that makes no sense.
func Encoder(o AnswerOptions) (func(*pipeline.Key), error) {
	a, err := newAnswerer(o)
	if err != nil {
		return nil, err
	}
	return a.encode, nil
}

func (a *answerer) encode(k *pipeline.Key) {
	var room [1024]byte
	identity := a.identity.appendKey(room[:0], k)
	all := a.metadata.appendKey(identity, k)
	size := len(all)
	if a.rateLimit {
		all = appendKeyPolicy(all, k)
	}
	k.Encode(all[:len(identity)], all[len(identity):size], all[size:])
}

// appendKeyPolicy appends the RateLimit-Policy that an allowed request of the
// key gets, unless it depends on the date: months differ in length.
func appendKeyPolicy(b []byte, k *pipeline.Key) []byte {
	if len(k.Limits)+len(k.Quotas) == 0 {
		return b
	}
	outcomes := make([]pipeline.LimitOutcome, 0, len(k.Limits)+len(k.Quotas))
	for i := range k.Limits {
		l := &k.Limits[i]
		outcomes = append(outcomes, pipeline.LimitOutcome{Name: l.Label, Limit: l.Limit.Limit, Period: l.Period})
	}
	for i := range k.Quotas {
		q := &k.Quotas[i]
		if q.Period != limit.QuotaDay {
			return b
		}
		outcomes = append(outcomes, pipeline.LimitOutcome{
			Name: q.Label, Quota: true, Limit: q.Limit, Period: 24 * time.Hour, // days are of UTC
		})
	}
	return appendLimitField(b, tagOKResponseHeaders, "ratelimit-policy", outcomes, appendPolicy)
}

// policyOf is the encoded policy of the limits that were asked, if they are
// the key's.
func policyOf(d *pipeline.Decision) string {
	if k := d.Key; k != nil && k.Encoded() && len(d.Limits) == len(k.Limits)+len(k.Quotas) {
		return k.EncodedPolicy()
	}
	return ""
}
