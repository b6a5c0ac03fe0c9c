package harness

import (
	"cmp"
	"context"
	"fmt"
	"strings"
)

// Release is the number of an Envoy release.
type Release struct{ Major, Minor, Patch int }

// Compare orders releases as [cmp.Compare] does.
func (r Release) Compare(o Release) int {
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor), cmp.Compare(r.Patch, o.Patch))
}

func (r Release) String() string { return fmt.Sprintf("%d.%d.%d", r.Major, r.Minor, r.Patch) }

// EnvoyRelease asks the binary which release it is.
func EnvoyRelease(ctx context.Context) (Release, error) {
	line, err := EnvoyVersion(ctx)
	if err != nil {
		return Release{}, err
	}
	return parseRelease(line)
}

// parseRelease reads what stands between the first two slashes of "envoy
// COMMIT/1.40.0/Clean/RELEASE/BoringSSL".
func parseRelease(line string) (Release, error) {
	var r Release
	_, number, _ := strings.Cut(line, "/")
	number, _, _ = strings.Cut(number, "/")
	number, _, _ = strings.Cut(number, "-") // 1.41.0-dev
	if n, err := fmt.Sscanf(number, "%d.%d.%d", &r.Major, &r.Minor, &r.Patch); err != nil || n != 3 {
		return Release{}, fmt.Errorf("envoy --version: no release number in %q", line)
	}
	return r, nil
}
