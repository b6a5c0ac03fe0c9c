package anomaly

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"credence/store"
)

// Place is where a network is.
type Place struct {
	Name                string // for people
	Latitude, Longitude float64
	Radius              float64 // kilometers around it in which the client may be
}

// Places answers where networks are; false for those of which nobody knows, or
// whose clients may be anywhere: VPNs, anycast, satellites.
type Places interface {
	PlaceOf(network netip.Addr) (Place, bool)
}

// Placed is a network that a key was used from, and where it is.
type Placed struct {
	store.KeyNetwork
	Place
}

// Travel is where one key was used from, as far as places are known.
type Travel struct {
	KeyID     string
	Namespace string
	All       []Placed
	// Since parts those that are new from those that are known.
	Since time.Time
}

// placedOf looks places up, in the order of the networks. Without places nobody
// travels.
func placedOf(all []store.KeyNetwork, places Places) (placed []Placed) {
	if places == nil {
		return nil
	}
	for _, n := range all {
		if at, known := places.PlaceOf(n.Network); known {
			placed = append(placed, Placed{n, at})
		}
	}
	return placed
}

// sightSlack is how exact an instant is at which a network was seen.
const sightSlack = 2 * time.Minute

// journey is between two sights of a key.
type journey struct {
	from, to   *Placed
	left, came time.Time
	apart      float64 // kilometers at least, whatever the radii hide
}

func (j *journey) took() time.Duration { return j.came.Sub(j.left) }

// speed is that at which somebody must have gone at least, in km/h.
func (j *journey) speed() float64 { return j.apart / (j.took() + sightSlack).Hours() }

// JudgeTravel looks for a key that is used from a new place sooner after, or
// before, its use at another one than anybody gets there. A network that was
// seen once only is none: mobile networks, and those that stand in many places,
// show up anywhere for a moment. A key that was used from places apart before
// is used by more than one, and one more place says nothing.
func JudgeTravel(in Travel, t Thresholds) []store.Anomaly {
	var known, fresh []*Placed
	for i := range in.All {
		switch n := &in.All[i]; {
		case !n.LastAt.After(n.FirstAt):
		case n.FirstAt.Before(in.Since):
			known = append(known, n)
		default:
			fresh = append(fresh, n)
		}
	}
	if len(known) == 0 || len(fresh) == 0 {
		return nil
	}
	began := known[0].FirstAt
	for _, n := range known {
		if n.FirstAt.Before(began) {
			began = n.FirstAt
		}
	}
	var fastest journey
	for i, n := range fresh {
		if n.FirstAt.Sub(began) < warmUp || nearAny(n, known, t) {
			continue
		}
		for _, other := range append(append([]*Placed{}, known...), fresh[:i]...) {
			if j, is := impossible(other, n, time.Time{}, t); is && (fastest.to == nil || j.speed() > fastest.speed()) {
				fastest = j
			}
		}
	}
	if fastest.to == nil || apartBefore(known, in.Since, t) {
		return nil
	}
	return []store.Anomaly{ofKey(ImpossibleTravel, store.SeverityHigh, in.KeyID, in.Namespace, fastest.left, fastest.came, fastest.evidence(in.KeyID, t))}
}

// apartBefore reports whether the key was used from places apart at once when
// nobody wondered.
func apartBefore(known []*Placed, since time.Time, t Thresholds) bool {
	for i, n := range known {
		for _, other := range known[:i] {
			if _, is := impossible(other, n, since, t); is {
				return true
			}
		}
	}
	return false
}

// nearAny reports whether the place is one that the key is known from.
func nearAny(n *Placed, known []*Placed, t Thresholds) bool {
	for _, other := range known {
		if apart(n.Place, other.Place) < t.TravelDistance {
			return true
		}
	}
	return false
}

// impossible answers the fastest journey between two networks, of the instants
// at which each is known to have been used, and which are before the given one
// if there is one.
func impossible(a, b *Placed, before time.Time, t Thresholds) (journey, bool) {
	far := apart(a.Place, b.Place)
	if far < t.TravelDistance {
		return journey{}, false
	}
	var fastest journey
	for _, at := range []time.Time{a.FirstAt, a.LastAt} {
		for _, then := range []time.Time{b.FirstAt, b.LastAt} {
			j := journey{from: a, to: b, left: at, came: then, apart: far}
			if then.Before(at) {
				j = journey{from: b, to: a, left: then, came: at, apart: far}
			}
			if !before.IsZero() && !j.came.Before(before) {
				continue
			}
			if fastest.to == nil || j.took() < fastest.took() {
				fastest = j
			}
		}
	}
	return fastest, fastest.to != nil && fastest.speed() > t.TravelSpeed
}

func (j *journey) evidence(keyID string, t Thresholds) store.Evidence {
	minutes := math.Ceil(j.took().Minutes())
	after := fmt.Sprintf("%.0f minutes later", minutes)
	if minutes < 2 {
		after = "at the same time"
	}
	return store.Evidence{
		Observed: math.Round(j.speed()), Expected: t.TravelSpeed, Window: j.took().Round(time.Second),
		Message: fmt.Sprintf("key %s was used from %s (%s) and %s from %s (%s): at least %.0f km, and nobody goes %.0f km/h",
			keyID, j.from.Name, prefix(j.from.Network), after, j.to.Name, prefix(j.to.Network), j.apart, j.speed()),
		Travel: &store.Travel{From: j.from.Name, To: j.to.Name, Kilometers: math.Round(j.apart), Minutes: minutes},
	}
}

// apart is how far two places are from each other at least, in kilometers: the
// great circle, by the haversine formula, without the radii.
func apart(a, b Place) float64 {
	const earth, degree = 6371.0, math.Pi / 180
	half := func(x float64) float64 { s := math.Sin(x * degree / 2); return s * s }
	h := half(b.Latitude-a.Latitude) + math.Cos(a.Latitude*degree)*math.Cos(b.Latitude*degree)*half(b.Longitude-a.Longitude)
	return max(0, 2*earth*math.Asin(math.Sqrt(min(1, h)))-a.Radius-b.Radius)
}
