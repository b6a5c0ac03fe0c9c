package remote

import (
	"errors"
	"strings"
	"unicode"
)

// Kind is the word for what went wrong with a call.
type Kind string

// The kinds.
const (
	CredentialRejected  Kind = "credential_rejected"  //nolint:gosec // G101: a word for an error, no credential
	MFARequired         Kind = "mfa_required"         // the account needs a second factor
	SessionExpired      Kind = "session_expired"      // log in again
	Forbidden           Kind = "forbidden"            // the account may not do this
	ScopeInvalid        Kind = "scope_invalid"        // no such scope there, or not for this account
	NameConflict        Kind = "name_conflict"        // the name is taken
	RequestInvalid      Kind = "request_invalid"      // refused for its form
	NotFound            Kind = "not_found"            // no such object; the program itself says so
	AccountBlocked      Kind = "account_blocked"      // the account may not act now
	EndpointMissing     Kind = "endpoint_missing"     // no such path: starting, another base URL, another version
	RateLimited         Kind = "rate_limited"         // too many calls
	Unavailable         Kind = "unavailable"          // not reached, or it cannot answer now
	Redirected          Kind = "redirected"           // it sent us elsewhere, which is not followed
	CertificateRejected Kind = "certificate_rejected" // it did not prove who it is
	AddressRefused      Kind = "address_refused"      // it is where we may not call
	UnexpectedAnswer    Kind = "unexpected_answer"    // not the program, or not a version of it, that was expected
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{
		CredentialRejected, MFARequired, SessionExpired, Forbidden, ScopeInvalid, NameConflict, RequestInvalid, NotFound,
		AccountBlocked, EndpointMissing, RateLimited, Unavailable, Redirected, CertificateRejected, AddressRefused, UnexpectedAnswer,
	}
}

// Remedy is what to do about it, for whoever made the connection.
func (k Kind) Remedy() string {
	switch k {
	case CredentialRejected:
		return "give the connection a credential that works; an account with a second factor needs a token, not its password"
	case MFARequired:
		return "use an account without a second factor, or give the connection what computes its codes"
	case SessionExpired:
		return "try again; it logs in anew"
	case Forbidden:
		return "give the account of the connection the rights that its check says are missing"
	case ScopeInvalid:
		return "use scopes that the program knows in its version"
	case NameConflict:
		return "use another name"
	case RequestInvalid:
		return "mend what it says is wrong"
	case NotFound:
		return "check the name; it may have been removed there"
	case AccountBlocked:
		return "have an administrator of the program unblock the account"
	case EndpointMissing:
		return "check the base URL and its path; if the program is starting, try again"
	case RateLimited:
		return "wait, then try again"
	case Unavailable:
		return "see that the program runs and can be reached from here, then try again"
	case Redirected:
		return "give the connection the address that it redirects to: https instead of http, another host or path"
	case CertificateRejected:
		return "give the connection the authority that signed the certificate, or the name that the certificate bears"
	case AddressRefused:
		return "have the operator allow the address (--outgoing-allow)"
	case UnexpectedAnswer:
		return "check the base URL: something else answers there, or a version that is not supported"
	}
	return "look at the log of the server"
}

// Error is a call that did not do what it was for.
type Error struct {
	Kind    Kind
	Status  int    // of the answer; 0 without one
	Message string // by the program or the network; see the package comment
	// Uncertain says that the request may have been carried out all the same.
	Uncertain bool

	cause error
}

// Error is the kind and what was said.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Message
}

// Unwrap answers the cause.
func (e *Error) Unwrap() error { return e.cause }

// KindOf is the kind of an error of a call; "" of any other.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// maxMessage bounds what is kept of the words of others, in characters.
const maxMessage = 200

// excerpt is the beginning of what somebody else wrote, on one line.
func excerpt(text string) string {
	if len(text) > 8*maxMessage { // before anything looks at all of it
		text = text[:8*maxMessage]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage])
	}
	return text
}
