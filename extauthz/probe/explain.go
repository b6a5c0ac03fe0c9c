package probe

import "credence/extauthz/pipeline"

// does says in one line what a stage looks at.
func does(s pipeline.Stage) string {
	switch s {
	case pipeline.StageRead:
		return "is it an HTTP Check, and which policy does its route have?"
	case pipeline.StageClient:
		return "which client address does the configured source give?"
	case pipeline.StageBlacklist:
		return "does a global rule refuse the address?"
	case pipeline.StageAddressLimit:
		return "has the address sent too much?"
	case pipeline.StageExtract:
		return "is there exactly one credential?"
	case pipeline.StageVerify:
		return "is it the text of a key we know?"
	case pipeline.StageState:
		return "may the key be used now?"
	case pipeline.StageAuthorize:
		return "may it be used from here, for this route?"
	case pipeline.StageLimit:
		return "is there room in its limits and quotas?"
	case pipeline.StageEnd:
		return "nobody decided: refuse"
	}
	return ""
}

// Explanation says what a reason of an answer means and what to do about it.
func Explanation(reason string) string {
	for _, r := range pipeline.Reasons() {
		if r.String() == reason {
			return explain(r)
		}
	}
	return "this server knows a reason that this program does not: use the same version of both"
}

func explain(r pipeline.Reason) string {
	switch r {
	case pipeline.ReasonAllowed:
		return "the key was accepted"
	case pipeline.ReasonAllowedAnonymous:
		return "the route lets requests without a key in (credence.anonymous, or anonymous of its route policy)"
	case pipeline.ReasonBadRequest:
		return "the Check is not about an HTTP request, or cannot be read"
	case pipeline.ReasonBadClientAddress:
		return "the configured source gives no client address: look at client-source, and at what the proxy sends there"
	case pipeline.ReasonBlacklisted:
		return "a rule refuses the client's network: `credence blacklist list` shows it"
	case pipeline.ReasonAddressLimited:
		return "the address has spent its limit: wait, or raise address-limit"
	case pipeline.ReasonBadRoutePolicy:
		return "the context extensions of the route make no sense, or name a route policy that is not stored: correct the credence.* names and values in the proxy's configuration; `credence route-policies list` shows what is stored"
	case pipeline.ReasonMissingKey:
		return "no credential was found in the configured places"
	case pipeline.ReasonAmbiguousKey:
		return "more than one credential was found, or one in a form that can hide another: send one, in one place"
	case pipeline.ReasonMalformedKey:
		return "the text is not of our form or was minted with other secrets"
	case pipeline.ReasonUnknownKey:
		return "the text was minted here, but no such key exists"
	case pipeline.ReasonTooManyFailures:
		return "the address has failed too often; only keys in the cache pass until the budget refills"
	case pipeline.ReasonRevoked, pipeline.ReasonDisabled, pipeline.ReasonSuspended:
		return "the key is " + r.String() + ": `credence keys show` says since when and why"
	case pipeline.ReasonExpired:
		return "the key's life has ended: make a new one"
	case pipeline.ReasonGraceEnded:
		return "the key was rotated and its grace is over: use its successor, which `credence keys rotation` names"
	case pipeline.ReasonNotYetValid:
		return "the key's life has not begun: `credence keys show` says when it does"
	case pipeline.ReasonNamespaceNotAllowed:
		return "the route does not accept keys of this namespace (credence.namespace, or its route policy), or the namespace refuses the client"
	case pipeline.ReasonNetworkNotAllowed:
		return "the key may not be used from this client address"
	case pipeline.ReasonRouteNotAllowed:
		return "the key may not be used for this environment, host, method or path; or, at the stage read, rules by host and path exist and the request can be read in two ways: `credence route-policies explain` says how"
	case pipeline.ReasonScopeMissing:
		return "the route demands a scope that the key lacks (credence.scopes, or its route policy)"
	case pipeline.ReasonRateLimited:
		return "a limit of the key, its owner or its plan is spent for now"
	case pipeline.ReasonQuotaExhausted:
		return "a quota of the key, its owner or its plan is used up"
	case pipeline.ReasonUnavailable:
		return "the store cannot answer, and the cache does not know the key or the route policies are too old"
	case pipeline.ReasonInternal, pipeline.ReasonNone:
		return "no stage decided: a fault of the server, look at its log"
	}
	return ""
}
