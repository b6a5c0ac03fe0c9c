package cli

import (
	"strings"
	"testing"
	"time"

	"credence/management"
	"credence/management/client"
	"credence/store/timespan"
)

func TestLifetimeReadsLengthsInstantsAndNever(t *testing.T) {
	for text, want := range map[string]life{
		"720h": {length: "720h0m0s"}, "30d": {length: "720h0m0s"}, "1d12h": {length: "36h0m0s"}, "90m": {length: "1h30m0s"},
		"never": {}, "": {},
		"2030-01-31T00:00:00Z": {instant: time.Date(2030, 1, 31, 0, 0, 0, 0, time.UTC)},
	} {
		if got, err := lifetime("expires", text); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "-1h", "0s", "0d", "d", "1d-1h", "-1d", "1.5d", "106752d", "30 d", "1d1d"} {
		if got, err := lifetime("expires", text); err == nil {
			t.Errorf("%q is accepted as %+v", text, got)
		}
	}
}

func TestDistancesAreRoughAndNotOffByASecond(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c := &command{Options: Options{Now: func() time.Time { return now }}}
	for d, want := range map[time.Duration]string{
		0: "now", 400 * time.Millisecond: "now", -400 * time.Millisecond: "now",
		time.Second: "in 1s", -59 * time.Second: "59s ago",
		time.Hour - time.Second: "in 1h", time.Hour - time.Minute: "in 59m", -90 * time.Minute: "1h ago",
		720*time.Hour - time.Second: "in 30d", 47 * time.Hour: "in 1d", -48 * time.Hour: "2d ago",
	} {
		if got := c.whenShort(now.Add(d)); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	if got, want := c.when(now.Add(time.Hour)), "2030-01-02 04:04:05Z (in 1h)"; got != want {
		t.Errorf("when is %q, want %q", got, want)
	}
}

func FuzzDays(f *testing.F) {
	for _, seed := range []string{"30d", "1d12h", "720h", "106751d23h59m", "d", "1d9223372036854775807ns"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := timespan.Parse(text)
		if err == nil && strings.Contains(text, "d") && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
	})
}

func TestEveryCodeOfTheAPIHasAnExitCode(t *testing.T) {
	known := map[string]int{}
	for _, row := range exitTable() {
		for _, code := range row.codes {
			if _, twice := known[code]; twice {
				t.Errorf("code %s is in the table twice", code)
			}
			known[code] = row.exit
		}
	}
	for _, code := range management.Codes() {
		if _, ok := known[string(code)]; !ok {
			t.Errorf("code %s has no exit code", code)
		}
	}
}

func TestWhatOthersWroteCannotMoveTheCursorOrTheColumns(t *testing.T) {
	var out, errs strings.Builder
	c := &command{Options: Options{Out: &out, Err: &errs}, output: "table"}
	const hostile = "a\x1b[31m\tb\r\nc\u202e"
	list := client.List[string]{Items: []string{hostile}}
	if err := showList(c, list, "NAME", func(s string) []string { return []string{s} }); err != nil {
		t.Fatal(err)
	}
	if err := c.show(nil, [][2]string{{"name", hostile}}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\t\r\u202e") || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("%q", out.String())
	}
}
