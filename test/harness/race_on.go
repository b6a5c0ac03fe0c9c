//go:build race

package harness

// raceDetector says that this program was built with -race.
const raceDetector = true
