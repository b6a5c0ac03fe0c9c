package cli

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"credence/store/timespan"
)

// outsideLife is how long a credential of another system lives, as flags say it.
type outsideLife struct{ expires, rotate, overlap string }

func (l *outsideLife) flags(f *pflag.FlagSet) {
	f.StringVar(&l.expires, "expires", "", "how long it lives (720h, 90d), until when (2030-01-31T00:00:00Z), or never (default: as the policy for integration keys says)")
	f.StringVar(&l.rotate, "rotate-every", "", "have another take over so long after it was made, e.g. 30d")
	f.StringVar(&l.overlap, "overlap", "", "how long it then lives beside it, e.g. 2d (default 24h)")
}

func (l *outsideLife) read() (expiresIn string, expiresAt time.Time, rotate, overlap string, err error) {
	end, err := lifetime("expires", l.expires)
	if err == nil {
		rotate, err = goDuration("rotate-every", l.rotate)
	}
	if err == nil {
		overlap, err = goDuration("overlap", l.overlap)
	}
	return end.length, end.instant, rotate, overlap, err
}

// goDuration reads a length with days; "" stays.
func goDuration(flag, value string) (string, error) {
	if value == "" {
		return "", nil
	}
	d, err := timespan.Parse(value)
	if err != nil {
		return "", usage(fmt.Errorf("--%s %q: give a length such as 720h or 30d", flag, value))
	}
	return d.String(), nil
}
