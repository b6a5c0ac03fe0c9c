package pipeline

// Reason is the one word that explains a decision. The zero Reason is no
// decision at all and is answered like [ReasonInternal].
type Reason uint8

// Every reason. A new one needs a row in reasons(), a stage, a line in the
// answer table of package extauthz and a golden file; tests say so.
const (
	ReasonNone Reason = iota

	ReasonAllowed          // a key was accepted
	ReasonAllowedAnonymous // the route lets requests without a key in

	ReasonBadRequest       // the Check is not one we can read
	ReasonBadClientAddress // no client address under the configured source
	ReasonBlacklisted      // the client's network is refused
	ReasonAddressLimited   // the address sends too much
	ReasonBadRoutePolicy   // the route's context extensions make no sense

	ReasonMissingKey
	ReasonAmbiguousKey // more than one credential, or one in a form that hides another
	ReasonMalformedKey
	ReasonUnknownKey
	ReasonTooManyFailures // the address failed too often; only cached keys pass

	ReasonRevoked
	ReasonDisabled
	ReasonSuspended
	ReasonExpired
	ReasonGraceEnded // the key was rotated, and both were let in long enough
	ReasonNotYetValid

	ReasonNamespaceNotAllowed
	ReasonNetworkNotAllowed
	ReasonRouteNotAllowed // environment, host, method or path
	ReasonScopeMissing

	ReasonRateLimited
	ReasonQuotaExhausted

	ReasonUnavailable // no decision could be made: the store cannot answer
	ReasonInternal    // the end of the function was reached, or a panic

	reasonCount
)

// Stage is the part of the path that made the decision.
type Stage uint8

// The stages, in the order of the path.
const (
	StageRead Stage = iota
	StageClient
	StageBlacklist
	StageAddressLimit
	StageExtract
	StageVerify
	StageState
	StageAuthorize
	StageLimit
	StageEnd
)

// Stages lists the stages in the order of the path.
func Stages() []Stage {
	return []Stage{
		StageRead, StageClient, StageBlacklist, StageAddressLimit, StageExtract,
		StageVerify, StageState, StageAuthorize, StageLimit, StageEnd,
	}
}

// Reasons lists every reason that a decision can carry.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := ReasonAllowed; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// Allowed reports whether the reason lets the request pass.
func (r Reason) Allowed() bool {
	return r == ReasonAllowed || r == ReasonAllowedAnonymous
}

// String is the reason's name in metadata, metrics and logs.
func (r Reason) String() string {
	names := [reasonCount]string{
		ReasonNone:                "none",
		ReasonAllowed:             "allowed",
		ReasonAllowedAnonymous:    "allowed_anonymous",
		ReasonBadRequest:          "bad_request",
		ReasonBadClientAddress:    "bad_client_address",
		ReasonBlacklisted:         "blacklisted",
		ReasonAddressLimited:      "address_limited",
		ReasonBadRoutePolicy:      "bad_route_policy",
		ReasonMissingKey:          "missing_key",
		ReasonAmbiguousKey:        "ambiguous_key",
		ReasonMalformedKey:        "malformed_key",
		ReasonUnknownKey:          "unknown_key",
		ReasonTooManyFailures:     "too_many_failures",
		ReasonRevoked:             "revoked",
		ReasonDisabled:            "disabled",
		ReasonSuspended:           "suspended",
		ReasonExpired:             "expired",
		ReasonGraceEnded:          "grace_ended",
		ReasonNotYetValid:         "not_yet_valid",
		ReasonNamespaceNotAllowed: "namespace_not_allowed",
		ReasonNetworkNotAllowed:   "network_not_allowed",
		ReasonRouteNotAllowed:     "route_not_allowed",
		ReasonScopeMissing:        "scope_missing",
		ReasonRateLimited:         "rate_limited",
		ReasonQuotaExhausted:      "quota_exhausted",
		ReasonUnavailable:         "unavailable",
		ReasonInternal:            "internal",
	}
	if int(r) >= len(names) {
		return "none"
	}
	return names[r]
}

// String is the stage's name in metadata and in `credence check`.
func (s Stage) String() string {
	names := [...]string{
		StageRead: "read", StageClient: "client", StageBlacklist: "blacklist",
		StageAddressLimit: "address_limit", StageExtract: "extract", StageVerify: "verify",
		StageState: "state", StageAuthorize: "authorize", StageLimit: "limit", StageEnd: "end",
	}
	if int(s) >= len(names) {
		return "end"
	}
	return names[s]
}
