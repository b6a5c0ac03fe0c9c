package anomaly

import (
	"fmt"
	"math"
	"slices"
	"time"

	"credence/store"
)

// profileDays is how far back the profile of a key goes.
const profileDays = 28

// Hour is an hour that is over, with what came before it.
type Hour struct {
	Start time.Time
	Keys  []HourOfKey
}

// HourOfKey is the hour of one key that was used in it.
type HourOfKey struct {
	KeyID     string
	Namespace string
	CreatedAt time.Time
	Requests  int64
	// Around is, for each of the 28 days before, the latest first, the requests
	// of the highest of this hour and the ones beside it; 0 without use.
	Around [profileDays]float64
	// UsedDays is on how many of the 28 days the key was used at all.
	UsedDays int
	// LastDay is the last day before that it was used on; zero when there is
	// none for as long as days are looked at.
	LastDay time.Time
}

// JudgeHour answers what an hour shows that its keys' own past does not.
func JudgeHour(in Hour, t Thresholds) []store.Anomaly {
	var found []store.Anomaly
	end := in.Start.Add(time.Hour - time.Microsecond)
	for i := range in.Keys {
		k := &in.Keys[i]
		for _, judge := range []func(*HourOfKey, time.Time, Thresholds) (string, store.Severity, store.Evidence, bool){rateChange, unusualHours, afterSilence} {
			if kind, severity, e, is := judge(k, in.Start, t); is {
				found = append(found, ofKey(kind, severity, k.KeyID, k.Namespace, in.Start, end, e))
			}
		}
	}
	return found
}

// rateChange compares with the same hour of the four weeks before, and with
// the days in between for how much it varies.
func rateChange(k *HourOfKey, start time.Time, t Thresholds) (string, store.Severity, store.Evidence, bool) {
	var weeks []float64
	for day := 6; day < profileDays; day += 7 {
		if k.CreatedAt.Before(start.AddDate(0, 0, -day-1)) {
			weeks = append(weeks, k.Around[day])
		}
	}
	if len(weeks) < t.Weeks || k.UsedDays < t.Days {
		return "", "", store.Evidence{}, false
	}
	usual, high := median(weeks), slices.Max(weeks)
	spread := 1.4826 * deviation(weeks, usual)
	spread = max(spread, math.Sqrt(usual), 0.1*usual)
	observed := float64(k.Requests)
	is := k.Requests >= t.RateLeast && observed > t.RateFactor*max(usual, 1) && observed > usual+t.Deviations*spread && observed > t.Highest*max(high, slices.Max(k.Around[:]))
	severity := store.SeverityMedium
	if observed > 10*max(usual, 1) {
		severity = store.SeverityHigh
	}
	return RateChange, severity, store.Evidence{
		Observed: observed, Expected: usual, Window: time.Hour,
		Message: fmt.Sprintf("key %s made %d requests in the hour from %s; in that hour of the week it made about %.0f, and never more than %.0f in 28 days",
			k.KeyID, k.Requests, start.Format("2006-01-02 15:04"), usual, max(high, slices.Max(k.Around[:]))),
	}, is
}

// unusualHours looks for an hour of the day in which the key was never used.
func unusualHours(k *HourOfKey, start time.Time, t Thresholds) (string, store.Severity, store.Evidence, bool) {
	is := k.UsedDays >= t.Days && slices.Max(k.Around[:]) == 0
	return UnusualHours, store.SeverityLow, store.Evidence{
		Observed: float64(k.Requests), Window: time.Hour,
		Message: fmt.Sprintf("key %s made %d requests around %s UTC, when it was never used in 28 days, though on %d of them it was",
			k.KeyID, k.Requests, start.Format("15:04"), k.UsedDays),
	}, is
}

func afterSilence(k *HourOfKey, start time.Time, t Thresholds) (string, store.Severity, store.Evidence, bool) {
	quiet := start.Sub(k.CreatedAt)
	if !k.LastDay.IsZero() {
		quiet = start.Sub(k.LastDay.Add(24 * time.Hour))
	}
	return AfterSilence, store.SeverityMedium, store.Evidence{
		Observed: math.Floor(quiet.Hours() / 24), Expected: t.Silence.Hours() / 24, Window: time.Hour,
		Message: fmt.Sprintf("key %s is used again after %.0f days without use", k.KeyID, math.Floor(quiet.Hours()/24)),
	}, !k.CreatedAt.IsZero() && quiet >= t.Silence
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// deviation is the median of how far the values are from the center.
func deviation(values []float64, center float64) float64 {
	far := make([]float64, len(values))
	for i, v := range values {
		far[i] = math.Abs(v - center)
	}
	return median(far)
}
