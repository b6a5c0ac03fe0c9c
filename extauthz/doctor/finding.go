package doctor

import (
	"fmt"
	"strconv"
	"strings"
)

// Level says what to think of a finding.
type Level string

// The levels. Only a problem makes the command fail.
const (
	OK      Level = "ok"
	Note    Level = "note" // worth knowing, right in some deployments
	Problem Level = "problem"
)

// Finding is what one step found at one address.
type Finding struct {
	Step     string `json:"step"` // dns, connect, transport, health, check or status
	Address  string `json:"address"`
	Level    Level  `json:"level"`
	Code     string `json:"code"` // stable, for scripts
	Observed string `json:"observed"`
	Why      string `json:"why,omitempty"`    // why it matters
	Remedy   string `json:"remedy,omitempty"` // what to do
	Envoy    string `json:"envoy,omitempty"`  // lines of an Envoy configuration that mend it
}

// Report is all that was found, in the order of the steps.
type Report struct {
	Target   string    `json:"target"`
	Healthy  bool      `json:"healthy"` // no problem was found
	Findings []Finding `json:"findings"`
}

// add keeps a finding. What a server wrote may stand in it.
func (r *Report) add(f Finding) {
	f.Observed = printable(f.Observed)
	r.Findings = append(r.Findings, f)
	r.Healthy = r.Healthy && f.Level != Problem
}

// maxObserved bounds what is repeated of a server's words.
const maxObserved = 400

// printable keeps what a server wrote from moving the cursor or filling the
// screen.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, text)
	if len(text) > maxObserved {
		text = strings.ToValidUTF8(text[:maxObserved], "") + " ..."
	}
	return text
}

// few lists at most four of the texts.
func few(all []string) string {
	const most = 4
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

// countOf is a number with the word for it.
func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
