package remote

import (
	"encoding/base64"
	"slices"
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
	// Redact are other secrets that go with a call, to be kept out of errors
	// like Secret: see [Target.Hiding].
	Redact []credential.Text
	// What it may be used for, for a check of whether it can be.
	Logins []string
	Scopes []string
}

// Fail is the error for an answer that the program gave. Message is its own
// words.
func (t *Target) Fail(kind Kind, status int, message string) *Error {
	return &Error{Kind: kind, Status: status, Message: t.clean(message)}
}

// Hiding is the target for a call that holds other secrets than its own.
func (t *Target) Hiding(secrets ...credential.Text) *Target {
	also := *t
	also.Redact = append(slices.Clone(t.Redact), secrets...)
	return &also
}

// clean is the words of others, without the secrets of the target: whole, line
// by line (a password and the secret of a second factor are one secret), and
// as they are sent as Basic credentials.
func (t *Target) clean(text string) string {
	var hidden []string
	for _, secret := range append(slices.Clone(t.Redact), t.Secret) {
		whole := secret.Reveal()
		hidden = append(hidden, whole, base64.StdEncoding.EncodeToString([]byte(t.Account+":"+whole)))
		for line := range strings.Lines(whole) {
			hidden = append(hidden, strings.TrimSpace(line))
		}
	}
	// The longest first: a secret may hold another.
	slices.SortFunc(hidden, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range hidden {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return excerpt(text)
}

// Report is what a check of a connection found.
type Report struct {
	ServerVersion string
	Account       string    // that the credential belongs to, as the program says
	Rights        []string  // what it may do there
	Missing       []Missing // what it lacks for its work; none: all is well
	Warnings      []Missing // what its owner should know, and does not keep it from its work
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

// Works reports whether the credential is accepted.
func (o Outcome) Works() bool { return o == Valid || o == ValidLimited }
