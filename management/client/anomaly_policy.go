package client

import "time"

// AnomalyPolicyBody is the policy as it is set, and as it stands in a file.
type AnomalyPolicyBody struct {
	Thresholds  map[string]string `json:"thresholds,omitempty" yaml:"thresholds" doc:"What detectors compare with, by name, where that is not the default; numbers and lengths of time as text"`
	Severities  map[string]string `json:"severities,omitempty" yaml:"severities" doc:"How severe findings of a type are, by type: low, medium, high or critical, whatever the detector would say"`
	Actions     []AnomalyRule     `json:"actions,omitempty" yaml:"actions" maxItems:"64" doc:"What is done about findings; for all others there is the finding, and webhooks are told"`
	MostPerHour map[string]int    `json:"most_per_hour,omitempty" yaml:"most_per_hour" doc:"How often an action may be carried out within an hour, by action; 10 if unsaid"`
	Never       AnomalyProtected  `json:"never,omitzero" yaml:"never" doc:"About what nothing is ever done. Emergency keys and --protected-networks are that by themselves"`
}

// AnomalyRule says what is done about findings of a type.
type AnomalyRule struct {
	Type     string `json:"anomaly_type" yaml:"anomaly_type" doc:"Detector, e.g. brute_force"`
	Severity string `json:"severity" yaml:"severity" doc:"Findings that are this severe or more; of several rules of a type the most severe one counts"`
	Action   string `json:"action" yaml:"action" doc:"notify, throttle, suspend or blacklist"`
	Share    int    `json:"share,omitempty" yaml:"share" doc:"Percent of its rates that a throttled key is held to, 1 to 99"`
	For      string `json:"for,omitempty" yaml:"for" doc:"How long an address is blacklisted, e.g. 1h or 2d"`
}

// AnomalyProtected is what no action is ever about.
type AnomalyProtected struct {
	Keys       []string `json:"keys,omitempty" yaml:"keys" doc:"Ids of keys"`
	Networks   []string `json:"networks,omitempty" yaml:"networks" doc:"Networks, or single addresses, that are never blacklisted"`
	Namespaces []string `json:"namespaces,omitempty" yaml:"namespaces" doc:"Namespaces whose keys are left alone"`
}

// AnomalyPolicy is the policy that holds.
type AnomalyPolicy struct {
	AnomalyPolicyBody

	Rules      []AnomalyRule     `json:"rules" doc:"What is done about each type and severity there is"`
	AllNumbers map[string]string `json:"all_thresholds" doc:"What detectors compare with, by name"`
	UpdatedAt  time.Time         `json:"updated_at"`
	Problem    string            `json:"problem,omitempty" doc:"Why this version cannot follow the policy that is stored; absent if it can. Nothing is done about findings then, and detectors compare with the defaults, until it is set again or reset"`
	Version    int64             `json:"version" doc:"Grows with every change; the ETag is made of it"`
}

// ETag is what If-Match wants for this state of the policy.
func (p AnomalyPolicy) ETag() string { return ETag(p.Version) }

// AnomalyPolicyShowInput is the request of AnomalyPolicyShow.
type AnomalyPolicyShowInput struct{}

// AnomalyPolicySetInput is the request of AnomalyPolicySet.
type AnomalyPolicySetInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the policy that holds now"`
	Body    AnomalyPolicyBody
}

// AnomalyPolicyResetInput is the request of AnomalyPolicyReset.
type AnomalyPolicyResetInput struct {
	IfMatch string `header:"If-Match" doc:"ETag of the policy that holds now"`
}

// AnomalyReplayInput is the request of AnomalyReplay.
type AnomalyReplayInput struct {
	Body struct {
		Since  time.Time          `json:"since,omitzero" doc:"From this instant on; a week before until if unsaid"`
		Until  time.Time          `json:"until,omitzero" doc:"Up to this instant; now if unsaid"`
		Policy *AnomalyPolicyBody `json:"policy,omitempty" doc:"Policy to try; the one that holds if unsaid"`
	}
}

// AnomalyReplay is what detectors make of the past.
type AnomalyReplay struct {
	Since    time.Time         `json:"since"`
	Until    time.Time         `json:"until"`
	Items    []ReplayedAnomaly `json:"items" doc:"What would have been found, and what was found and would not have been; at most 1000"`
	Found    int               `json:"found" doc:"How many would have been found"`
	Happened int               `json:"happened" doc:"How many there were"`
	Notes    []string          `json:"notes" doc:"What was not looked at"`
}

// ReplayedAnomaly is a finding of a replay next to what happened.
type ReplayedAnomaly struct {
	Type     string          `json:"anomaly_type"`
	Severity string          `json:"severity"`
	Subject  string          `json:"subject"`
	Message  string          `json:"message,omitempty" doc:"What would have been seen; empty where nothing would"`
	FirstAt  time.Time       `json:"first_at"`
	LastAt   time.Time       `json:"last_at"`
	Times    int             `json:"times" doc:"How often a detector saw it; 0 where none would have"`
	Would    []AnomalyAction `json:"would" doc:"What the policy would have had done"`
	Happened string          `json:"happened,omitempty" doc:"Id of the finding that there was; absent for none"`
	Did      []AnomalyAction `json:"did" doc:"What was done about it then"`
}
