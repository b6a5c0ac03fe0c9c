package timespan_test

import (
	"testing"
	"time"

	"credence/store/timespan"
)

func TestLengthsAreReadWithDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "24h": 24 * time.Hour, "30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "0d": 0, "-1h": -time.Hour,
	} {
		if d, err := timespan.Parse(text); err != nil || d != want {
			t.Errorf("%s is read as %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "d", "90", "1.5d", "-1d", "1d-1h", "1h1d", "1dd", "4294967296d", "106752d", "106751d24h", "1 d", "week"} {
		if d, err := timespan.Parse(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
}

func TestLengthsAreWrittenWithoutWhatIsZero(t *testing.T) {
	for text, want := range map[string]string{
		"2160h": "90d", "24h": "1d", "36h": "36h", "10m": "10m", "90m": "1h30m", "1h0m5s": "1h0m5s", "0s": "0s", "250ms": "250ms", "soon": "soon",
	} {
		if said := timespan.Said(text); said != want {
			t.Errorf("%s is written as %s, want %s", text, said, want)
		}
	}
}

func FuzzWhatIsWrittenIsReadAgain(f *testing.F) {
	for _, text := range []string{"90s", "30d", "1d12h", "1h30m", "106751d23h47m16.854775807s", "-24h"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := timespan.Parse(text)
		if err != nil || d < 0 { // Text writes them, and Parse takes no days below zero
			return
		}
		if again, err := timespan.Parse(timespan.Text(d)); err != nil || again != d {
			t.Errorf("%q is %s, written %q, and read as %s (%v)", text, d, timespan.Text(d), again, err)
		}
	})
}
