// Package anomaly looks for use of keys and addresses that is not as it should
// be. It imports store.
//
// # Detectors
//
// A detector is a pure function of what was counted: the same usage gives the
// same findings, now or a month later. Each says in a sentence what was seen,
// with the numbers it rests on.
//
//	[JudgeMinutes]  the last minutes, every 5 seconds: brute_force,
//	                credential_spread, dead_key_used, scope_probing,
//	                emergency_used
//	[JudgeNetworks] where a key was used from for the first time: new_network,
//	                many_networks
//	[JudgeTravel]   the same networks, where they are: impossible_travel
//	[JudgeHour]     an hour that is over, against the four weeks before:
//	                rate_change, unusual_hours, after_silence
//
// # The watch
//
// [Watch] reads what they need and has findings written down ([store.Tx.SeeAnomaly]
// merges what lasts). One leader runs it; running it twice does no harm. What
// it reads is bounded; when there is more, the finding that would need the rest
// is missed, and the pass says so. A pass that fails is tried again 5 seconds
// later, and an hour that could not be judged is judged then.
//
// [Replay] runs the same detectors over the past, by a plan that is to be tried.
//
// # The policy
//
// A [Policy] says what detectors compare with and what is done about what they
// find; [Policy.Check] answers the [Plan] of it, or all that is wrong. Carrying
// it out is a use-case's business, not this package's: management.AnomalySee
// writes a finding down and does what the plan says in one transaction.
package anomaly
