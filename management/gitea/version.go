package gitea

import (
	"strconv"
	"strings"
)

// version is what a server states, as far as it matters.
type version struct {
	text                string
	forgejo             bool
	major, minor, patch int
	known               bool
}

// parseVersion reads "1.26.0", "1.27.0+dev-12-gabc", "1.22.0-rc1" and Forgejo's
// "11.0.1+gitea-1.22.0".
func parseVersion(text string) version {
	v := version{text: text, forgejo: strings.Contains(text, "+gitea-")}
	number, _, _ := strings.Cut(text, "+")
	number, pre, isPre := strings.Cut(strings.TrimPrefix(number, "v"), "-")
	parts := strings.Split(number, ".")
	for i, into := range []*int{&v.major, &v.minor, &v.patch} {
		if i >= len(parts) {
			break
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return version{text: text}
		}
		*into = n
	}
	if isPre && strings.HasPrefix(pre, "rc") && v.patch == 0 && v.minor > 0 { // comes before
		v.minor, v.patch = v.minor-1, 99
	}
	v.known = len(parts) >= 2
	return v
}

// supported: the contract was recorded from 1.22.3 on. Forgejo 7 is the first
// that answers the same way.
func (v version) supported() bool {
	if !v.known {
		return false
	}
	if v.forgejo {
		return v.major >= 7
	}
	return v.atLeast(1, 22, 3)
}

// limits reports whether the server refuses a scope that the token of the
// account lacks.
func (v version) limits() bool { return !v.forgejo && v.atLeast(1, 27, 0) }

func (v version) atLeast(major, minor, patch int) bool {
	switch {
	case v.major != major:
		return v.major > major
	case v.minor != minor:
		return v.minor > minor
	}
	return v.patch >= patch
}
