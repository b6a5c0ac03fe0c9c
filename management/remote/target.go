package remote

import (
	"strings"

	"credence/store/credential"
)

// Target is a program to call, and who calls.
type Target struct {
	ID      string // names it: pace, pauses and connections are kept by it
	Version int64  // of the settings below; with another, connections are made anew

	URL        string          // base, may have a path
	Account    string          // that the secret belongs to
	Secret     credential.Text // password, token or session
	CA         string          // authorities to trust, PEM; "": those of the process
	ServerName string          // that the certificate must bear; "": the host of URL
	Settings   map[string]string
	// What it may be used for, for a check of whether it can be.
	Logins []string
	Scopes []string
}

// Fail is the error for an answer that the program gave. Message is its own
// words.
func (t *Target) Fail(kind Kind, status int, message string) *Error {
	return &Error{Kind: kind, Status: status, Message: t.clean(message)}
}

// clean is the words of others, without the secret of the target.
func (t *Target) clean(text string) string {
	if secret := t.Secret.Reveal(); secret != "" {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return excerpt(text)
}

// Report is what a check of a connection found.
type Report struct {
	ServerVersion string
	Account       string    // that the credential belongs to, as the program says
	Rights        []string  // what it may do there
	Missing       []Missing // what it lacks for its work; none: all is well
}

// Missing is one thing that a connection lacks.
type Missing struct {
	What   string
	Remedy string
}

// Problem is what is wrong with one field of a connection.
type Problem struct {
	Field   string
	Problem string
	Remedy  string
}

// Outcome is what came of trying a credential out.
type Outcome string

// The outcomes.
const (
	Valid        Outcome = "valid"         // it is accepted
	ValidLimited Outcome = "valid_limited" // it is accepted, and may not do what was tried
	Invalid      Outcome = "invalid"       // unknown, deleted, rotated or expired
	Blocked      Outcome = "blocked"       // intact, and its account may not act now
	Unknown      Outcome = "unknown"       // nobody can say: try later
)

// Outcomes lists the outcomes.
func Outcomes() []Outcome { return []Outcome{Valid, ValidLimited, Invalid, Blocked, Unknown} }

// Works reports whether the credential is accepted.
func (o Outcome) Works() bool { return o == Valid || o == ValidLimited }
