package anomaly_test

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"credence/management/anomaly"
	"credence/store"
)

// cities are places that networks of tests can be in.
func cities() map[string]anomaly.Place {
	return map[string]anomaly.Place{
		"berlin": {"Berlin, Germany", 52.52, 13.405, 20}, "potsdam": {"Potsdam, Germany", 52.39, 13.06, 20},
		"london": {"London, United Kingdom", 51.51, -0.13, 20}, "tokyo": {"Tokyo, Japan", 35.68, 139.69, 50},
		"virginia": {"Ashburn, United States", 39.04, -77.49, 50}, "sydney": {"Sydney, Australia", -33.87, 151.21, 50},
		"vague": {"Germany", 51.3, 9.5, 1000}, "lagos": {"Lagos, Nigeria", 6.45, 3.39, 50},
	}
}

// sight is that a network of a city was used from first to last, in minutes
// from noon on.
type sight struct {
	city        string
	first, last int
}

func journeys(since time.Time, sights ...sight) anomaly.Travel {
	in := anomaly.Travel{KeyID: "key_1", Namespace: "tenant", Since: since}
	for n, s := range sights {
		in.All = append(in.All, anomaly.Placed{
			KeyNetwork: store.KeyNetwork{
				KeyID: "key_1", Network: netip.AddrFrom4([4]byte{10, 0, byte(n), 0}),
				FirstAt: noon.Add(time.Duration(s.first) * time.Minute), LastAt: noon.Add(time.Duration(s.last) * time.Minute),
			},
			Place: cities()[s.city],
		})
	}
	return in
}

const weeks = -2 * 7 * 24 * 60 // minutes

// TestAKeyThatIsUsedFromPlacesTooFarApartIsFoundAndATravellerIsNot.
func TestAKeyThatIsUsedFromPlacesTooFarApartIsFoundAndATravellerIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		sights []sight
		found  bool
	}{
		"twelve minutes later in Tokyo":             {[]sight{{"berlin", weeks, -12}, {"tokyo", 0, 5}}, true},
		"at the same time":                          {[]sight{{"berlin", weeks, 1}, {"virginia", 0, 5}}, true},
		"and at home again":                         {[]sight{{"berlin", weeks, 30}, {"virginia", 0, 5}}, true},
		"two thieves":                               {[]sight{{"berlin", weeks, -3000}, {"virginia", 0, 5}, {"sydney", 2, 9}}, true},
		"a flight":                                  {[]sight{{"berlin", weeks, -12 * 60}, {"tokyo", 0, 5}}, false},
		"a train":                                   {[]sight{{"berlin", weeks, -60}, {"potsdam", 0, 5}}, false},
		"seen once only":                            {[]sight{{"berlin", weeks, -12}, {"tokyo", 0, 0}}, false},
		"a place that says little":                  {[]sight{{"berlin", weeks, -1}, {"vague", 0, 5}}, false},
		"a key of the first day":                    {[]sight{{"berlin", -23 * 60, -12}, {"tokyo", 0, 5}}, false},
		"only one place is known":                   {[]sight{{"tokyo", 0, 5}}, false},
		"another network of a known place":          {[]sight{{"berlin", weeks, -12}, {"tokyo", weeks, -3 * 24 * 60}, {"tokyo", 0, 5}}, false},
		"a service of two places":                   {[]sight{{"berlin", weeks, -12}, {"virginia", weeks, -20}, {"tokyo", 0, 5}}, false},
		"a service that came up in places at once":  {[]sight{{"berlin", weeks, -3000}, {"virginia", weeks, -9000}, {"tokyo", 0, 5}}, false},
		"a traveller of two homes, and now a thief": {[]sight{{"berlin", weeks, -12}, {"virginia", weeks + 2000, -5000}, {"tokyo", 0, 5}}, true},
		"a service of two places, replayed later":   {[]sight{{"berlin", weeks, 5000}, {"virginia", weeks + 5, 5000}, {"tokyo", 0, 6000}}, false},
		"nothing new":                               {[]sight{{"berlin", weeks, -12}, {"tokyo", -90, -12}}, false},
	} {
		found := anomaly.JudgeTravel(journeys(noon.Add(-time.Hour), c.sights...), anomaly.Defaults())
		if (len(found) == 1) != c.found || len(found) > 1 {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestTheFindingSaysFromWhereToWhereHowFarAndHowFast(t *testing.T) {
	found := anomaly.JudgeTravel(journeys(noon.Add(-time.Hour), sight{"berlin", weeks, -12}, sight{"tokyo", 0, 5}), anomaly.Defaults())
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	a := found[0]
	const want = "key key_1 was used from Berlin, Germany (10.0.0.0/24) and 12 minutes later from Tokyo, Japan (10.0.1.0/24): at least 8847 km, and nobody goes 37915 km/h"
	if a.Evidence.Message != want {
		t.Errorf("%q", a.Evidence.Message)
	}
	if j := a.Evidence.Travel; j == nil || *j != (store.Travel{From: "Berlin, Germany", To: "Tokyo, Japan", Kilometers: 8847, Minutes: 12}) {
		t.Errorf("%+v", j)
	}
	if a.Type != anomaly.ImpossibleTravel || a.Severity != store.SeverityHigh || a.Subject != "key:key_1" || a.Namespace != "tenant" ||
		a.Evidence.Observed != 37915 || a.Evidence.Expected != 900 || a.Evidence.Window != 12*time.Minute ||
		!a.FirstAt.Equal(noon.Add(-12*time.Minute)) || !a.LastAt.Equal(noon) {
		t.Errorf("%+v", a)
	}
	slow := anomaly.Defaults()
	slow.TravelSpeed = 40_000
	if found := anomaly.JudgeTravel(journeys(noon.Add(-time.Hour), sight{"berlin", weeks, -12}, sight{"tokyo", 0, 5}), slow); len(found) != 0 {
		t.Errorf("with a policy that allows it: %+v", found)
	}
	near := anomaly.Defaults()
	near.TravelDistance = 9000
	if found := anomaly.JudgeTravel(journeys(noon.Add(-time.Hour), sight{"berlin", weeks, -12}, sight{"tokyo", 0, 5}), near); len(found) != 0 {
		t.Errorf("with a policy of larger distances: %+v", found)
	}
}

// atlas says where networks are.
type atlas map[netip.Addr]anomaly.Place

func (a atlas) PlaceOf(network netip.Addr) (anomaly.Place, bool) {
	at, known := a[network]
	return at, known
}

// TestTheWatchAndAReplayFindAJourneyThatNobodyMakes, and nothing without a
// database of places.
func TestTheWatchAndAReplayFindAJourneyThatNobodyMakes(t *testing.T) {
	berlin, tokyo := netip.MustParseAddr("192.0.2.0"), netip.MustParseAddr("198.51.100.0")
	places := atlas{berlin: cities()["berlin"], tokyo: cities()["tokyo"]}
	d := newDesk(t)
	d.key("key_1", store.KeyTypeService, noon.AddDate(0, -1, 0))
	use := func(from netip.Addr, at time.Time) {
		d.add(store.UsageBatch{Used: []store.KeyLastUse{{KeyID: "key_1", At: at, Networks: []netip.Addr{from}}}})
	}
	use(berlin, noon.AddDate(0, 0, -3))
	use(berlin, noon.Add(-30*time.Minute))
	use(tokyo, noon.Add(-10*time.Minute))
	use(tokyo, noon.Add(-8*time.Minute))
	d.found(0)
	var err error
	d.watch, err = anomaly.New(anomaly.Options{
		Store: d.store, Findings: findings{d.store}, Now: func() time.Time { return d.now }, Logger: slog.New(slog.DiscardHandler), Places: places,
	})
	must(t, err)
	if got := d.found(1); !slices.Equal(got, []string{"impossible_travel default"}) {
		t.Errorf("found %q", got)
	}
	d.found(0) // it lasts
	all, _, err := d.store.Anomalies(t.Context(), store.AnomalyFilter{}, store.Page{})
	must(t, err)
	if a := all[0]; a.Evidence.Travel == nil || a.Evidence.Travel.To != "Tokyo, Japan" || !strings.Contains(a.Evidence.Message, "20 minutes later") {
		t.Errorf("%+v", a.Evidence)
	}
	plan, problems := (&anomaly.Policy{Actions: []anomaly.Rule{{Type: anomaly.ImpossibleTravel, Severity: store.SeverityHigh, Action: anomaly.ActionSuspend}}}).Check()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	replayed, _, err := anomaly.Replay(t.Context(), d.store, noon.Add(-2*time.Hour), d.now, &plan, places)
	must(t, err)
	if len(replayed) != 1 || replayed[0].Type != anomaly.ImpossibleTravel || len(replayed[0].Actions) != 1 || !replayed[0].Actions[0].Done() {
		t.Errorf("replayed %+v", replayed)
	}
	if replayed, _, err = anomaly.Replay(t.Context(), d.store, noon.Add(-2*time.Hour), d.now, &plan, nil); err != nil || len(replayed) != 0 {
		t.Errorf("without places: %+v, %v", replayed, err)
	}
}

// TestPlantedAttacksOfTravelAreFoundAndRealisticTrafficIsNot judges each network
// that a key was first used from in a week, as a replay does.
func TestPlantedAttacksOfTravelAreFoundAndRealisticTrafficIsNot(t *testing.T) {
	r, s := rand.New(rand.NewPCG(17, 19)), score{}
	for n := range *keys {
		all, planted := tripsOf(n, r)
		found := false
		for _, fresh := range all {
			if fresh.FirstAt.Before(monday) {
				continue
			}
			in := anomaly.Travel{KeyID: "key_1", Since: fresh.FirstAt.Add(-time.Hour)}
			for _, other := range all {
				if !other.FirstAt.After(fresh.FirstAt) {
					in.All = append(in.All, other)
				}
			}
			found = found || len(anomaly.JudgeTravel(in, anomaly.Defaults())) > 0
		}
		switch {
		case planted && found:
			s.planted, s.found = s.planted+1, s.found+1
		case planted:
			s.planted++
		case found:
			s.wrong++
		}
	}
	s.report(t, anomaly.ImpossibleTravel)
}

// tripsOf are the networks of key n over eleven weeks, with their places, and
// whether it was stolen in the last one. What is known of a network is when it
// was first used, and when last, to an hour.
func tripsOf(n int, r *rand.Rand) (all []anomaly.Placed, planted bool) {
	began, end := monday.AddDate(0, 0, -70), monday.AddDate(0, 0, 7)
	towns := []string{"berlin", "potsdam", "london", "tokyo", "virginia", "sydney", "lagos"}
	within := func(from time.Time, length time.Duration) time.Time {
		return from.Add(time.Duration(r.Int64N(int64(length))))
	}
	stay := func(town string, first, last time.Time) {
		at := cities()[town]
		at.Latitude, at.Longitude = at.Latitude+r.Float64()-0.5, at.Longitude+r.Float64()-0.5 // never quite exact
		all = append(all, anomaly.Placed{Place: at, KeyNetwork: store.KeyNetwork{
			KeyID: "key_1", Network: netip.AddrFrom4([4]byte{10, byte(len(all) >> 8), byte(len(all)), 0}), FirstAt: first, LastAt: last,
		}})
	}
	home := towns[r.IntN(len(towns))]
	elsewhere := func() string { return towns[(slices.Index(towns, home)+2+r.IntN(len(towns)-3))%len(towns)] }
	at := within(monday, 6*24*time.Hour)
	stale := time.Duration(r.IntN(60)) * time.Minute // of what is known of the last use
	switch n % 10 {
	case 0, 1: // people who travel: at home until the journey begins, away for days, and home again
		left := within(monday, 4*24*time.Hour)
		stay(home, began, left.Add(-time.Duration(r.IntN(60))*time.Minute))
		town := elsewhere()
		arrived := left.Add(20*time.Hour + time.Duration(r.IntN(600))*time.Minute) // the longest of these, with the way to the airport
		stay(town, arrived, arrived.Add(48*time.Hour))
		stay(town, arrived.Add(10*time.Hour), arrived.Add(50*time.Hour)) // the hotel, and the office
		stay(home, arrived.Add(70*time.Hour), end)
	case 2: // a mobile network that shows up elsewhere for a moment
		stay(home, began, end.Add(-stale))
		for range 3 {
			moment := within(monday, 6*24*time.Hour)
			stay(elsewhere(), moment, moment)
		}
	case 3: // a service that runs in several regions, and gets one more
		for range 3 {
			stay(home, began.Add(time.Duration(r.IntN(600))*time.Second), end.Add(-stale))
			home = elsewhere()
		}
		stay(elsewhere(), at, end)
	case 4: // a fleet that is new this week
		for range 5 {
			stay(towns[r.IntN(len(towns))], within(at, 2*time.Hour), end)
		}
	default: // a service, or an office, behind a few networks of one place
		for range 1 + r.IntN(4) {
			stay(home, within(began, 24*time.Hour), at.Add(-stale))
		}
		stay(home, within(monday, 6*24*time.Hour), end)
	}
	if n%20 == 7 || n%20 == 15 { // stolen: used far away too, for minutes or for days
		stay(elsewhere(), at, at.Add(time.Minute+time.Duration(r.IntN(3000))*time.Minute))
		return all, true
	}
	return all, false
}
