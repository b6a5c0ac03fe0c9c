package client

import "time"

// Anomaly is a finding about the use of a key or an address.
type Anomaly struct {
	ID        string    `json:"id"`
	Type      string    `json:"anomaly_type" doc:"What was found: brute_force, new_network, rate_change, ..."`
	Severity  string    `json:"severity" doc:"low, medium, high or critical"`
	State     string    `json:"state" doc:"open, acknowledged or resolved"`
	Namespace string    `json:"namespace,omitempty" doc:"Of the key; empty for what has none"`
	KeyID     string    `json:"key_id,omitempty"`
	Subject   string    `json:"subject" doc:"What it is about: key:key_..., address:192.0.2.1, network:192.0.2.0/24"`
	Message   string    `json:"message" doc:"What was seen, in a sentence"`
	Observed  float64   `json:"observed"`
	Expected  float64   `json:"expected" doc:"What is usual, or allowed at most"`
	Window    string    `json:"window,omitempty" doc:"Time that was observed"`
	FirstAt   time.Time `json:"first_at" doc:"When it was seen first"`
	LastAt    time.Time `json:"last_at" doc:"When it was seen last"`
	CreatedAt time.Time `json:"created_at"`
	StateAt   time.Time `json:"state_at,omitzero" doc:"When somebody acknowledged or resolved it"`
	StateBy   string    `json:"state_by,omitempty"`
	Note      string    `json:"note,omitempty"`

	Travel  *AnomalyTravel  `json:"travel,omitempty" doc:"The journey, of impossible_travel"`
	Actions []AnomalyAction `json:"actions" doc:"What a policy wanted done about it, and what came of it"`
}

// AnomalyTravel is the journey of a key that was used from places apart.
type AnomalyTravel struct {
	From       string  `json:"from" doc:"Where it was used first"`
	To         string  `json:"to" doc:"Where it was used then"`
	Kilometers float64 `json:"kilometers" doc:"How far that is at least"`
	Minutes    float64 `json:"minutes" doc:"How long after that was"`
}

// AnomalyAction is what a policy wanted done about a finding.
type AnomalyAction struct {
	Action   string    `json:"action" doc:"throttle, suspend or blacklist"`
	Severity string    `json:"severity" doc:"Of the finding then"`
	Outcome  string    `json:"outcome" doc:"done, or why not: protected, capped, already, impossible"`
	Detail   string    `json:"detail" doc:"What was done, or why not, in a sentence"`
	At       time.Time `json:"at"`
	Share    int       `json:"share,omitempty" doc:"Percent of its rates that the key was throttled to"`
	RuleID   string    `json:"rule_id,omitempty" doc:"Rule of the blacklist"`
	Until    time.Time `json:"until,omitzero" doc:"When it ends by itself"`
	UndoneAt time.Time `json:"undone_at,omitzero"`
	UndoneBy string    `json:"undone_by,omitempty"`
}

// AnomalyListInput is the request of AnomalyList; empty fields do not narrow.
type AnomalyListInput struct {
	Namespace string `query:"namespace" doc:"Only findings about keys of this namespace"`
	KeyID     string `query:"key_id" doc:"Only findings about this key"`
	Type      string `query:"type" doc:"Only findings of this type"`
	Severity  string `query:"severity" doc:"Only findings of this severity"`
	State     string `query:"state" doc:"Only findings in this state"`
	All       bool   `query:"all" doc:"Also resolved ones"`
	PageInput
}

// AnomalyShowInput is the request of AnomalyShow.
type AnomalyShowInput struct {
	ID string `path:"id" doc:"Id of the finding"`
}

// AnomalyStateInput is the request of AnomalyAcknowledge, AnomalyResolve and
// AnomalyUndo.
type AnomalyStateInput struct {
	ID   string `path:"id" doc:"Id of the finding"`
	Body struct {
		Note string `json:"note,omitempty" doc:"Why, for those who read it later"`
	}
}
