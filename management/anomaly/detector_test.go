package anomaly_test

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
	"credence/store/sketch"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) // a Monday

func crowd(n int) (s sketch.Sketch) {
	h := sketch.NewHasher([32]byte{3, 9, 17, 31})
	for i := range n {
		s.Add(h.Mark(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})))
	}
	return s
}

func refusal(key, reason string, checks int64, addresses int) store.UsageMinute {
	u := store.UsageMinute{Namespace: "tenant"}
	u.Minute, u.Minutes, u.KeyID, u.Reason, u.Checks, u.Addresses = noon, 1, key, reason, checks, crowd(addresses)
	return u
}

func failure(address, reason string, checks int64) store.FailingAddress {
	return store.FailingAddress{Minute: noon, Reason: reason, Address: netip.MustParseAddr(address), Checks: checks}
}

// TestEachDetectorOfMinutesFindsWhatItIsForAndNothingBelowItsThreshold.
func TestEachDetectorOfMinutesFindsWhatItIsForAndNothingBelowItsThreshold(t *testing.T) {
	for name, c := range map[string]struct {
		in   anomaly.Minutes
		want []string // "type severity subject"
	}{
		"nothing":      {},
		"guesses":      {anomaly.Minutes{Failing: []store.FailingAddress{failure("192.0.2.1", "unknown_key", 60), failure("192.0.2.1", "malformed_key", 40)}}, []string{"brute_force medium address:192.0.2.1"}},
		"many guesses": {anomaly.Minutes{Failing: []store.FailingAddress{failure("2001:db8::", "unknown_key", 1000)}}, []string{"brute_force high address:2001:db8::"}},
		"few guesses":  {anomaly.Minutes{Failing: []store.FailingAddress{failure("192.0.2.1", "unknown_key", 99)}}, nil},
		"no guesses":   {anomaly.Minutes{Failing: []store.FailingAddress{failure("192.0.2.1", "rate_limited", 9999)}}, nil},
		"a network": {anomaly.Minutes{Failing: func() (all []store.FailingAddress) {
			for i := range 10 {
				all = append(all, failure("192.0.2."+strconv.Itoa(i), "unknown_key", 25))
			}
			return all
		}()}, []string{"brute_force medium network:192.0.2.0/24"}},
		"few addresses of a network": {anomaly.Minutes{Failing: []store.FailingAddress{
			failure("192.0.2.1", "unknown_key", 99), failure("192.0.2.2", "unknown_key", 99), failure("192.0.2.3", "unknown_key", 99),
		}}, nil},
		"a revoked key":       {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "revoked", 3, 1)}}, []string{"dead_key_used high key:key_1"}},
		"an expired key":      {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "expired", 3, 1)}}, []string{"dead_key_used low key:key_1"}},
		"a key that is late":  {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "expired", 2, 1)}}, nil},
		"probes":              {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "scope_missing", 12, 1), refusal("key_1", "shadow_route_not_allowed", 8, 1)}}, []string{"scope_probing medium key:key_1"}},
		"few probes":          {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "scope_missing", 19, 1)}}, nil},
		"limits":              {anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "rate_limited", 9999, 500)}}, nil},
		"keys without a name": {anomaly.Minutes{Denied: []store.UsageMinute{refusal(store.UsageOther, "revoked", 9999, 500)}}, nil},
		"a key that many have": {
			anomaly.Minutes{Denied: []store.UsageMinute{refusal("key_1", "network_not_allowed", 60, 60)}},
			[]string{"credential_spread high key:key_1"},
		},
		"an emergency": {anomaly.Minutes{Emergency: []store.Key{{KeyID: "key_9", LastUsedAt: noon}}}, []string{"emergency_used high key:key_9"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := shown(anomaly.JudgeMinutes(c.in, anomaly.Defaults())); !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// shown are findings as text; each must explain itself.
func shown(found []store.Anomaly) (out []string) {
	for _, a := range found {
		text := a.Type + " " + string(a.Severity) + " " + a.Subject
		if a.Evidence.Message == "" || a.LastAt.Before(a.FirstAt) || a.KeyID != "" && !strings.Contains(a.Evidence.Message, a.KeyID) {
			text += " (does not explain itself)"
		}
		out = append(out, text)
	}
	return out
}

func network(n int, first time.Time) store.KeyNetwork {
	return store.KeyNetwork{KeyID: "key_1", Network: netip.AddrFrom4([4]byte{10, 0, byte(n), 0}), FirstAt: first, LastAt: noon}
}

func TestANewNetworkIsFoundOnceTheKeyIsKnown(t *testing.T) {
	month, week := noon.AddDate(0, -1, 0), noon.AddDate(0, 0, -7)
	several := func(n int, first time.Time) (all []store.KeyNetwork) {
		for i := range n {
			all = append(all, network(100+i, first))
		}
		return all
	}
	for name, c := range map[string]struct {
		all  []store.KeyNetwork
		want []string
	}{
		"one more":                {[]store.KeyNetwork{network(1, month), network(2, noon)}, []string{"new_network medium key:key_1"}},
		"the first":               {[]store.KeyNetwork{network(1, noon)}, nil},
		"of a young key":          {[]store.KeyNetwork{network(1, week), network(2, noon)}, nil},
		"of one that roams":       {append(several(5, month), network(2, noon)), nil},
		"nothing new":             {several(3, month), nil},
		"many at once":            {append(several(9, noon), network(1, week)), []string{"many_networks high key:key_1"}},
		"many of one that is new": {append(several(9, noon), network(1, noon.Add(-2*time.Hour))), nil},
		"many of one roaming":     {append(several(9, noon), several(20, month)...), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := shown(anomaly.JudgeNetworks(anomaly.Networks{KeyID: "key_1", All: c.all, Since: noon.Add(-time.Hour)}, anomaly.Defaults()))
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// habit is how one key is used: requests an hour, by the hour of the week.
type habit struct {
	rate    float64
	office  bool // only from 7 to 19 on working days
	weekend float64
	wild    float64 // how much the rate varies
	bursts  float64 // of how many hours is one a deploy or a retry storm, 2 to 3 times the rate
}

func (h habit) requests(at time.Time, r *rand.Rand) int64 {
	rate := h.rate
	weekend := at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
	if h.office && (weekend || at.Hour() < 7 || at.Hour() >= 19) {
		return 0
	}
	if weekend {
		rate *= h.weekend
	}
	if at.Hour() < 6 {
		rate *= 0.4
	}
	rate *= max(0.2, 1+h.wild*r.NormFloat64())
	if r.Float64() < h.bursts {
		rate *= 2 + r.Float64()
	}
	return max(0, int64(rate+r.NormFloat64()*rate/10))
}

// past is the hours of a key, the newest last, and what to plant in them.
type past struct {
	hours   []int64 // by hour since began
	began   time.Time
	attacks map[string][]int // hours, by the type that they should be found as
}

func (p *past) at(t time.Time) int64 {
	if i := int(t.Sub(p.began) / time.Hour); i >= 0 && i < len(p.hours) {
		return p.hours[i]
	}
	return 0
}

// judged is what the detector is given of an hour, or false without use.
func (p *past) judged(id string, at time.Time) (anomaly.HourOfKey, bool) {
	k := anomaly.HourOfKey{KeyID: id, CreatedAt: p.began, Requests: p.at(at), LastDay: p.began}
	for day := range k.Around {
		before := at.AddDate(0, 0, -day-1)
		k.Around[day] = float64(max(p.at(before.Add(-time.Hour)), p.at(before), p.at(before.Add(time.Hour))))
	}
	today := at.Truncate(24 * time.Hour)
	for day := range 60 {
		used := false
		for hour := range 24 {
			used = used || p.at(today.AddDate(0, 0, -day-1).Add(time.Duration(hour)*time.Hour)) > 0
		}
		if used && k.LastDay.Equal(p.began) {
			k.LastDay = today.AddDate(0, 0, -day-1)
		}
		if used && day < 28 {
			k.UsedDays++
		}
	}
	return k, k.Requests > 0
}

var keys = flag.Int("keys", 200, "keys in the traffic")

// TestPlantedAttacksAreFoundAndRealisticTrafficIsNot prints precision and
// recall of the detectors of hours: a week of keys with a rhythm of days and
// weeks, bursts, deploys and retries, after ten weeks of the same.
func TestPlantedAttacksAreFoundAndRealisticTrafficIsNot(t *testing.T) {
	const weeks = 11
	r := rand.New(rand.NewPCG(7, 11))
	type count struct{ planted, found, wrong int }
	score := map[string]*count{anomaly.RateChange: {}, anomaly.UnusualHours: {}, anomaly.AfterSilence: {}}
	for n := range *keys {
		id := "key_" + strconv.Itoa(n)
		p := generate(n, weeks, r)
		for hour := (weeks - 1) * 168; hour < weeks*168; hour++ {
			at := p.began.Add(time.Duration(hour) * time.Hour)
			k, is := p.judged(id, at)
			if !is {
				continue
			}
			found := map[string]bool{}
			for _, a := range anomaly.JudgeHour(anomaly.Hour{Start: at, Keys: []anomaly.HourOfKey{k}}, anomaly.Defaults()) {
				found[a.Type] = true
			}
			for kind, c := range score {
				switch planted := slices.Contains(p.attacks[kind], hour); {
				case planted && found[kind]:
					c.planted++
					c.found++
				case planted:
					c.planted++
				case found[kind] && len(p.attacks) == 0:
					c.wrong++
				}
			}
		}
	}
	for kind, c := range score {
		recall, wrong := float64(c.found)/float64(c.planted), float64(c.wrong)*1000/float64(*keys)
		t.Logf("%-14s planted %3d  recall %.3f  precision %.3f  false findings per 1,000 keys and week %.1f",
			kind, c.planted, recall, float64(c.found)/float64(max(1, c.found+c.wrong)), wrong)
		if c.planted < 10 || recall < 0.95 || wrong > 1 {
			t.Errorf("%s: recall %.3f of %d, %.1f false findings per 1,000 keys and week", kind, recall, c.planted, wrong)
		}
	}
}

// generate is the past of key n, with an attack in the last week of one in five.
func generate(n, weeks int, r *rand.Rand) *past {
	h := habit{rate: 20 + 2000*r.Float64()*r.Float64(), office: n%3 == 0, weekend: 0.3 + 0.7*r.Float64(), wild: 0.3 * r.Float64(), bursts: 0.01}
	p := &past{began: noon.Truncate(24*time.Hour).AddDate(0, 0, -7*weeks), attacks: map[string][]int{}}
	for hour := range weeks * 168 {
		p.hours = append(p.hours, h.requests(p.began.Add(time.Duration(hour)*time.Hour), r))
	}
	last := (weeks - 1) * 168
	switch n % 15 {
	case 1: // a stolen key that empties a database: five times its highest hour
		hour := last + 24 + 10 + r.IntN(5)
		p.hours[hour] = 300 + int64(5*float64(slices.Max(p.hours)))
		p.attacks[anomaly.RateChange] = []int{hour}
	case 3: // somebody at night with a key of the office
		hour := last + 24 + 1 + r.IntN(3)
		p.hours[hour] = 5 + r.Int64N(50)
		p.attacks[anomaly.UnusualHours] = []int{hour}
	case 5: // a key that was forgotten, and found
		clear(p.hours[168:])
		hour := last + 50
		p.hours[hour] = 1 + r.Int64N(20)
		p.attacks[anomaly.AfterSilence] = []int{hour}
	}
	return p
}
