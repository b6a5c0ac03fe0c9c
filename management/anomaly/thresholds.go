package anomaly

import "time"

// Thresholds are the numbers that detectors compare with.
type Thresholds struct {
	// Window is how much of the past the detectors of minutes look at.
	Window time.Duration
	// Guesses is how many wrong credentials of one address, in a window, are
	// brute force; NetworkGuesses those of NetworkAddresses in one network.
	Guesses, NetworkGuesses int64
	NetworkAddresses        int
	// SpreadAddresses is from how many addresses one key is refused.
	SpreadAddresses int64
	// DeadUses is how often a key is presented that is not valid any more.
	DeadUses int64
	// Probes is how often a key asks for what it may not.
	Probes int64

	// KnownFor is how long a key must have been used before a network can be
	// new, and KnownNetworks the most it has while that is worth a word.
	KnownFor      time.Duration
	KnownNetworks int
	// ManyNetworks is how many new networks in an hour are too many at once.
	ManyNetworks int

	// TravelSpeed, in km/h, is faster than anybody travels. Places closer to each
	// other than TravelDistance, in km, count as one.
	TravelSpeed, TravelDistance float64

	// RateFactor is how many times the usual rate is a change, Deviations how
	// many robust standard deviations above it, Highest how many times the
	// highest hours of 28 days, RateLeast the least requests.
	RateFactor, Deviations float64
	Highest                float64
	RateLeast              int64
	// Weeks is how many of the four weeks must have been seen.
	Weeks int
	// Days is on how many of 28 days a key must have been used before an hour
	// can be unusual.
	Days int
	// Silence is after how long without use one is worth a word.
	Silence time.Duration
}

// Defaults are thresholds for a start.
func Defaults() Thresholds {
	return Thresholds{
		Window: 10 * time.Minute, Guesses: 100, NetworkGuesses: 200, NetworkAddresses: 8,
		SpreadAddresses: 20, DeadUses: 3, Probes: 20,
		KnownFor: 14 * 24 * time.Hour, KnownNetworks: 4, ManyNetworks: 8, TravelSpeed: 900, TravelDistance: 500,
		RateFactor: 4, Deviations: 8, Highest: 3, RateLeast: 200, Weeks: 2, Days: 10, Silence: 30 * 24 * time.Hour,
	}
}
