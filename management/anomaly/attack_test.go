package anomaly_test

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
	"credence/store/sketch"
)

// traffic is a week of refusals, by minute, and what was planted in it.
type traffic struct {
	r       *rand.Rand
	failing [week][]store.FailingAddress
	denied  [week][]store.UsageMinute
	planted map[string]map[string]bool // subjects by type
	hasher  sketch.Hasher
}

const week = 7 * 24 * 60 // minutes

var monday = noon.Truncate(24 * time.Hour)

// busy is the rhythm of days and weeks: how much of the traffic of the best
// hour there is in a minute.
func busy(minute int) float64 {
	at := monday.Add(time.Duration(minute) * time.Minute)
	share := 1.0
	if at.Hour() < 7 || at.Hour() >= 20 {
		share = 0.3
	}
	if at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		share *= 0.5
	}
	return share
}

func (t *traffic) plant(kind, subject string) {
	if t.planted[kind] == nil {
		t.planted[kind] = map[string]bool{}
	}
	t.planted[kind][subject] = true
}

func (t *traffic) fail(minute int, address netip.Addr, reason string, checks int) {
	if checks > 0 && minute < week {
		t.failing[minute] = append(t.failing[minute], store.FailingAddress{
			Minute: monday.Add(time.Duration(minute) * time.Minute), Reason: reason, Address: address, Checks: int64(checks),
		})
	}
}

// deny has the key refused from so many addresses, from this one on.
func (t *traffic) deny(minute int, key, reason string, checks, first, addresses int) {
	if checks < 1 || minute >= week {
		return
	}
	u := store.UsageMinute{Namespace: "tenant"}
	u.Minute, u.Minutes, u.KeyID, u.Reason, u.Checks = monday.Add(time.Duration(minute)*time.Minute), 1, key, reason, int64(checks)
	for i := range addresses {
		u.Addresses.Add(t.hasher.Mark(netip.AddrFrom4([4]byte{10, byte((first + i) >> 16), byte((first + i) >> 8), byte(first + i)})))
	}
	t.denied[minute] = append(t.denied[minute], u)
}

// spread shares an amount out over minutes, unevenly.
func (t *traffic) spread(total, minutes int, each func(minute, n int)) {
	for m := range minutes {
		n := total / (minutes - m)
		if m < minutes-1 {
			n = int(float64(n) * (0.5 + t.r.Float64()))
		}
		n = min(n, total)
		each(m, n)
		total -= n
	}
}

// clients are addresses that present what is wrong now and then: somebody
// mistypes, many behind one address do, and a worker that was forgotten in a
// rotation tries again every ten seconds and gives up.
func (t *traffic) clients(n int) {
	address := netip.AddrFrom4([4]byte{100, byte(n >> 14), byte(n>>6) & 0xff, byte(n<<2) | 1})
	for day := range 7 {
		for range t.r.IntN(3) {
			t.fail(day*1440+t.r.IntN(1440), address, "malformed_key", 1+t.r.IntN(4))
		}
	}
	switch n % 20 {
	case 1: // an office of hundreds behind one address
		for m := range week {
			if t.r.Float64() < 0.3*busy(m) {
				t.fail(m, address, "unknown_key", 1+t.r.IntN(6))
			}
		}
	case 2: // a retry storm of a deploy with the wrong key: 6 a minute with back-off
		start := t.r.IntN(week - 60)
		for m := range 10 {
			t.fail(start+m, address, "unknown_key", max(1, 6-m))
		}
	}
}

// habits are refusals of a key that mean nothing.
func (t *traffic) habits(n int) {
	key := "key_" + strconv.Itoa(n)
	switch n % 10 {
	case 1: // revoked while two requests were under way
		t.deny(t.r.IntN(week), key, "revoked", 1+t.r.IntN(2), n, 1)
	case 2: // a deploy asks for what it may not, fails its checks and is rolled back
		start := t.r.IntN(week - 10)
		for m := range 3 {
			t.deny(start+m, key, "scope_missing", 1+t.r.IntN(5), n, 1+t.r.IntN(3))
		}
	case 3: // a client of many routes, some of which it may not use: a few an hour
		for m := range week {
			if t.r.Float64() < 0.05*busy(m) {
				t.deny(m, key, "route_not_allowed", 1, n, 1)
			}
		}
	case 4: // people leave the office network with the laptop
		for m := range week {
			if t.r.Float64() < 0.03*busy(m) {
				t.deny(m, key, "network_not_allowed", 1+t.r.IntN(5), n*64+t.r.IntN(12), 1+t.r.IntN(3))
			}
		}
	case 5: // at its limits, from everywhere
		for m := range week {
			if t.r.Float64() < 0.2*busy(m) {
				t.deny(m, key, "rate_limited", 1+t.r.IntN(500), n, 1+t.r.IntN(200))
			}
		}
	}
}

// attack plants one in a minute of the week.
func (t *traffic) attack(n int) {
	key, start := "key_a"+strconv.Itoa(n), 30+t.r.IntN(week-60)
	switch n % 5 {
	case 0: // one address that tries keys, steadily or in one burst
		address := netip.AddrFrom4([4]byte{203, 0, byte(n >> 8), byte(n)})
		t.spread(150+t.r.IntN(5000), 1+t.r.IntN(9), func(m, some int) { t.fail(start+m, address, "unknown_key", some) })
		t.plant(anomaly.BruteForce, "address:"+address.String())
	case 1: // many addresses of one network, each below the threshold
		network := netip.AddrFrom4([4]byte{198, 51, byte(n), 0})
		for host := range 12 + t.r.IntN(40) {
			a := network.As4()
			a[3] = byte(host + 1)
			t.spread(30+t.r.IntN(60), 1+t.r.IntN(9), func(m, some int) { t.fail(start+m, netip.AddrFrom4(a), "malformed_key", some) })
		}
		t.plant(anomaly.BruteForce, "network:"+network.String()+"/24")
	case 2: // a key on a list that many have
		addresses := 40 + t.r.IntN(400)
		seen := 0
		t.spread(addresses, 1+t.r.IntN(9), func(m, some int) {
			t.deny(start+m, key, "network_not_allowed", some*2, n*1024+seen, some)
			seen += some
		})
		t.plant(anomaly.CredentialSpread, "key:"+key)
	case 3: // a key that was revoked and is used all the same
		t.spread(4+t.r.IntN(200), 1+t.r.IntN(9), func(m, some int) { t.deny(start+m, key, "revoked", some, n, 1) })
		t.plant(anomaly.DeadKeyUsed, "key:"+key)
	case 4: // a key in the hands of somebody who looks what it is good for
		t.spread(25+t.r.IntN(300), 1+t.r.IntN(9), func(m, some int) { t.deny(start+m, key, "scope_missing", some, n, 1) })
		t.plant(anomaly.ScopeProbing, "key:"+key)
	}
}

// score is what a detector made of what was planted, and of the rest.
type score struct{ planted, found, wrong int }

func (s score) report(t *testing.T, kind string) {
	t.Helper()
	recall, wrong := float64(s.found)/float64(max(1, s.planted)), float64(s.wrong)*1000/float64(*keys)
	t.Logf("%-17s planted %3d  recall %.3f  precision %.3f  false findings per 1,000 keys and week %.1f",
		kind, s.planted, recall, float64(s.found)/float64(max(1, s.found+s.wrong)), wrong)
	if s.planted < 5 || recall < 0.95 || wrong > 1 {
		t.Errorf("%s: recall %.3f of %d, %.1f false findings per 1,000 keys and week", kind, recall, s.planted, wrong)
	}
}

// TestPlantedAttacksOfMinutesAreFoundAndRealisticTrafficIsNot judges a week of
// refusals minute by minute, as the watch does.
func TestPlantedAttacksOfMinutesAreFoundAndRealisticTrafficIsNot(t *testing.T) {
	tr := &traffic{r: rand.New(rand.NewPCG(3, 5)), planted: map[string]map[string]bool{}, hasher: sketch.NewHasher([32]byte{7})}
	for n := range *keys {
		tr.clients(n)
		tr.habits(n)
	}
	for n := range max(50, *keys/5) {
		tr.attack(n)
	}
	found := map[string]map[string]bool{}
	var in anomaly.Minutes
	for m := range week {
		if len(tr.failing[m])+len(tr.denied[m]) == 0 {
			continue
		}
		in.Failing, in.Denied = in.Failing[:0], in.Denied[:0]
		for back := range 11 { // the window begins within a minute
			if m >= back {
				in.Failing, in.Denied = append(in.Failing, tr.failing[m-back]...), append(in.Denied, tr.denied[m-back]...)
			}
		}
		for _, a := range anomaly.JudgeMinutes(in, anomaly.Defaults()) {
			if found[a.Type] == nil {
				found[a.Type] = map[string]bool{}
			}
			found[a.Type][a.Subject] = true
		}
	}
	for _, kind := range []string{anomaly.BruteForce, anomaly.CredentialSpread, anomaly.DeadKeyUsed, anomaly.ScopeProbing} {
		s := score{planted: len(tr.planted[kind])}
		for subject := range found[kind] {
			if tr.planted[kind][subject] {
				s.found++
			} else if !alsoTrue(tr.planted, kind, subject) {
				s.wrong++
				t.Logf("%s: %s", kind, subject)
			}
		}
		s.report(t, kind)
	}
}

// alsoTrue is what an attack of another type shows as well: somebody with a
// stolen key is refused from several addresses, a guesser fills his network.
func alsoTrue(planted map[string]map[string]bool, kind, subject string) bool {
	for other, subjects := range planted {
		if other != kind && subjects[subject] {
			return true
		}
	}
	return false
}

// TestPlantedAttacksOfNetworksAreFoundAndRealisticTrafficIsNot judges each hour
// in which a key was used from a network for the first time.
func TestPlantedAttacksOfNetworksAreFoundAndRealisticTrafficIsNot(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	scores := map[string]*score{anomaly.NewNetwork: {}, anomaly.ManyNetworks: {}}
	for n := range *keys {
		all, planted, at := networksOf(n, r)
		found := map[string]bool{}
		for i := range all {
			if all[i].FirstAt.Before(monday) {
				continue
			}
			seen := make([]store.KeyNetwork, 0, len(all)) // what is there an instant later
			for _, other := range all {
				if !other.FirstAt.After(all[i].FirstAt) {
					seen = append(seen, other)
				}
			}
			for _, a := range anomaly.JudgeNetworks(anomaly.Networks{KeyID: "key_1", All: seen, Since: all[i].FirstAt.Add(-time.Hour)}, anomaly.Defaults()) {
				if planted == "" || !a.FirstAt.Before(at) {
					found[a.Type] = true
				}
			}
		}
		for kind, s := range scores {
			switch {
			case planted == kind && found[kind]:
				s.planted++
				s.found++
			case planted == kind:
				s.planted++
			case planted == "" && found[kind]:
				s.wrong++
			}
		}
	}
	for _, kind := range []string{anomaly.NewNetwork, anomaly.ManyNetworks} {
		scores[kind].report(t, kind)
	}
}

// networksOf are the networks of key n over eleven weeks, and what was planted
// in the last one.
func networksOf(n int, r *rand.Rand) (all []store.KeyNetwork, planted string, at time.Time) {
	began := monday.AddDate(0, 0, -70)
	add := func(first time.Time) {
		all = append(all, store.KeyNetwork{KeyID: "key_1", Network: netip.AddrFrom4([4]byte{10, byte(len(all) >> 8), byte(len(all)), 0}), FirstAt: first})
	}
	within := func(from time.Time, length time.Duration) time.Time {
		return from.Add(time.Duration(r.Int64N(int64(length))))
	}
	last := within(monday, 7*24*time.Hour)
	switch n % 10 {
	case 0, 1: // people on the move: some networks a day, for as long as the key is there
		for day := range 77 {
			for range r.IntN(4) {
				add(within(began.AddDate(0, 0, day), 24*time.Hour))
			}
		}
		add(began)
	case 2: // a fleet that is new this week, and comes up from everywhere at once
		for range 5 + r.IntN(60) {
			add(within(last, 2*time.Hour))
		}
	case 3: // a service that grew: new networks in its first two weeks
		for range 1 + r.IntN(12) {
			add(within(monday.AddDate(0, 0, -6), 12*24*time.Hour))
		}
		add(monday.AddDate(0, 0, -6))
	default: // a service behind a few networks
		for range 1 + r.IntN(4) {
			add(within(began, 24*time.Hour))
		}
	}
	switch n % 25 {
	case 4, 14: // stolen: used from elsewhere too
		add(last)
		return all, anomaly.NewNetwork, last
	case 9, 19: // passed around: many networks in an hour
		for range 10 + r.IntN(40) {
			add(within(last, 45*time.Minute))
		}
		return all, anomaly.ManyNetworks, last
	}
	if n%2000 == 1999 { // moved to another provider: nobody can tell it from theft
		add(last)
	}
	return all, "", last
}
