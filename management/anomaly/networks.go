package anomaly

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"credence/store"
)

// Networks is where one key was used from.
type Networks struct {
	KeyID     string
	Namespace string
	All       []store.KeyNetwork
	// Since parts those that are new from those that are known.
	Since time.Time
}

// warmUp is how long a key must have been used before its networks are judged.
const warmUp = 24 * time.Hour

// JudgeNetworks answers what the new networks of a key show. A key that is
// known from many networks roams, and one more says nothing.
func JudgeNetworks(in Networks, t Thresholds) []store.Anomaly {
	var known, fresh []store.KeyNetwork
	for _, n := range in.All {
		if n.FirstAt.Before(in.Since) {
			known = append(known, n)
		} else {
			fresh = append(fresh, n)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	slices.SortFunc(fresh, func(a, b store.KeyNetwork) int { return a.FirstAt.Compare(b.FirstAt) })
	first, last := fresh[0].FirstAt, fresh[len(fresh)-1].FirstAt
	if len(known) == 0 || first.Sub(oldest(known)) < warmUp {
		return nil // a fleet that is new comes up everywhere at once
	}
	if len(fresh) >= t.ManyNetworks && len(fresh) > len(known) {
		return []store.Anomaly{ofKey(ManyNetworks, store.SeverityHigh, in.KeyID, in.Namespace, first, last, store.Evidence{
			Observed: float64(len(fresh)), Expected: float64(len(known)), Window: time.Hour,
			Message: fmt.Sprintf("key %s was used from %d networks within an hour that it was never used from before, and from %d before",
				in.KeyID, len(fresh), len(known)),
		})}
	}
	if len(known) > t.KnownNetworks || first.Sub(oldest(known)) < t.KnownFor {
		return nil
	}
	return []store.Anomaly{ofKey(NewNetwork, store.SeverityMedium, in.KeyID, in.Namespace, first, last, store.Evidence{
		Observed: float64(len(fresh)), Expected: 0, Window: time.Hour,
		Message: fmt.Sprintf("key %s is used from %s for the first time; since %s it was used from %s",
			in.KeyID, listed(fresh), oldest(known).Format(time.DateOnly), listed(known)),
	})}
}

func oldest(known []store.KeyNetwork) time.Time {
	return slices.MinFunc(known, func(a, b store.KeyNetwork) int { return a.FirstAt.Compare(b.FirstAt) }).FirstAt
}

// listed are some networks, the first ones.
func listed(all []store.KeyNetwork) string {
	const most = 4
	var names []string
	for _, n := range all[:min(len(all), most)] {
		names = append(names, prefix(n.Network))
	}
	text := strings.Join(names, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}
