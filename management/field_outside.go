package management

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// The bounds of credentials in other systems. A name has at most 50 characters
// in each of them.
const (
	outsideSuffix     = 12 // hexadecimal digits behind the name: nobody guesses it
	maxOutsideName    = 50 - outsideSuffix - 1
	maxOutsideOverlap = 30 * 24 * time.Hour
	outsideOverlap    = 24 * time.Hour // unless said otherwise
)

// outsideName checks the part of the name that people choose. The rule is one
// for all systems: Gitea reads a name that looks like a number as an id, so it
// begins with a letter.
func (p *problems) outsideName(value, noun string) string {
	remedy := fmt.Sprintf("use 1 to %d of A-Z a-z 0-9 . _ -, beginning with a letter", maxOutsideName)
	ok := value != "" && len(value) <= maxOutsideName && (value[0] >= 'a' && value[0] <= 'z' || value[0] >= 'A' && value[0] <= 'Z')
	for i := range len(value) {
		ok = ok && (alphanumeric(value[i]) || strings.IndexByte("._-", value[i]) >= 0)
	}
	if !ok {
		p.add("name", quoted(value)+" is no name of a "+noun, remedy)
	}
	return value
}

// suffixed is the name with what nobody can guess: what has that name is ours,
// whatever happened when it was made.
func suffixed(name string, random io.Reader) (string, error) {
	var raw [outsideSuffix / 2]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("name of a token: %w", err)
	}
	return name + "-" + hex.EncodeToString(raw[:]), nil
}

// unsuffixed is the name as it was chosen.
func unsuffixed(name string) string {
	if cut := len(name) - outsideSuffix - 1; cut > 0 && name[cut] == '-' {
		name = name[:cut]
	}
	return name[:min(len(name), maxOutsideName)]
}

// overlap checks how long a credential lives beside its successor.
func (p *problems) overlap(value string) time.Duration {
	if value == "" {
		return outsideOverlap
	}
	return p.span("overlap", value, 0, maxOutsideOverlap)
}
