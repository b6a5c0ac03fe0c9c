package client

import "time"

// BlacklistRule refuses the clients of one network before anything else.
type BlacklistRule struct {
	ID        string    `json:"id" doc:"Its id"`
	Namespace string    `json:"namespace" doc:"Where it refuses; empty for everywhere"`
	Network   string    `json:"network" doc:"Network in CIDR notation"`
	Reason    string    `json:"reason" doc:"Why"`
	Source    string    `json:"source" doc:"Where it comes from, e.g. the name of a list; empty for unsaid"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"When it ends by itself; absent: stays until removed"`
	CreatedBy string    `json:"created_by" doc:"Who added it"`
	CreatedAt time.Time `json:"created_at"`
}

// BlacklistOverlap is a rule that refuses some of the clients of a new one.
type BlacklistOverlap struct {
	ID        string `json:"id,omitempty" doc:"Id of the rule; absent in a dry run for one of the same list"`
	Namespace string `json:"namespace" doc:"Where it refuses; empty for everywhere"`
	Network   string `json:"network" doc:"Network in CIDR notation"`
	Relation  string `json:"relation" enum:"covers,covered_by" doc:"covers: the new rule refuses all clients of this one; covered_by: this one refuses all clients of the new rule"`
	Note      string `json:"note" doc:"What that means, for people"`
}

// BlacklistAdd asks for a new rule.
type BlacklistAdd struct {
	Network   string    `json:"network" minLength:"1" maxLength:"49" doc:"Address or network in CIDR notation, IPv4 or IPv6"`
	Namespace string    `json:"namespace,omitempty" maxLength:"63" doc:"Where it refuses; everywhere if unsaid, which needs a global admin"`
	Reason    string    `json:"reason" minLength:"1" maxLength:"256" doc:"Why, for people and the audit log"`
	Source    string    `json:"source,omitempty" maxLength:"128" doc:"Where it comes from, e.g. the name of a list"`
	EndsAt    time.Time `json:"ends_at,omitzero" doc:"When it ends by itself; not together with for"`
	For       string    `json:"for,omitempty" doc:"How long it stays, e.g. 1h; not together with ends_at"`
	Force     bool      `json:"force,omitempty" doc:"Let through what is refused as a likely slip: too much of the internet, the caller's own address, a protected network. Role admin"`
}

// BlacklistAddInput is the request of BlacklistAdd.
type BlacklistAddInput struct {
	IdempotencyKey string `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           BlacklistAdd
	WaitInput
}

// BlacklistImportRow is one network of a list.
type BlacklistImportRow struct {
	Line    int    `json:"line,omitempty" doc:"Number by which the answer names it, e.g. its line in a file; its place in rules, from 1, if unsaid"`
	Network string `json:"network" doc:"Address or network in CIDR notation, IPv4 or IPv6"`
	Reason  string `json:"reason,omitempty" maxLength:"256" doc:"Why; that of all if unsaid"`
}

// BlacklistImport asks for the rules of a list. Everything but rules holds for
// all of them.
type BlacklistImport struct {
	Rules     []BlacklistImportRow `json:"rules" minItems:"1" maxItems:"500" doc:"1 to 500 networks; who has more sends more requests"`
	Namespace string               `json:"namespace,omitempty" maxLength:"63" doc:"Where they refuse; everywhere if unsaid, which needs a global admin"`
	Reason    string               `json:"reason,omitempty" maxLength:"256" doc:"Why, for rules that say nothing of their own"`
	Source    string               `json:"source,omitempty" maxLength:"128" doc:"Where they come from, e.g. the name of the list"`
	EndsAt    time.Time            `json:"ends_at,omitzero" doc:"When they end by themselves; not together with for"`
	For       string               `json:"for,omitempty" doc:"How long they stay, e.g. 24h; not together with ends_at"`
	Force     bool                 `json:"force,omitempty" doc:"Let through what is refused as a likely slip. Role admin"`
	DryRun    bool                 `json:"dry_run,omitempty" doc:"Say what would come of each, and add none"`
}

// BlacklistImportLine is what came of one network.
type BlacklistImportLine struct {
	Line     int                `json:"line" doc:"Number of the network in the request"`
	State    string             `json:"state" enum:"created,present,failed" doc:"created (in a dry run: would be), present (it was refused there before and is as it was), or failed (no rule was made)"`
	ID       string             `json:"id,omitempty" doc:"Id of the rule, where there is one"`
	Errors   []FieldError       `json:"errors,omitempty" doc:"Why it failed"`
	Overlaps []BlacklistOverlap `json:"overlaps,omitempty" doc:"Rules that refuse some of the same clients, at most 10"`
	Overlap  int                `json:"overlap,omitempty" doc:"How many of them there are in all"`
}

// BlacklistImported is what came of a list.
type BlacklistImported struct {
	DryRun  bool                  `json:"dry_run" doc:"Whether nothing was added"`
	Created int                   `json:"created" doc:"Rules added, or that would be"`
	Present int                   `json:"present" doc:"Networks that were refused there before"`
	Failed  int                   `json:"failed" doc:"Networks that no rule was made for"`
	Lines   []BlacklistImportLine `json:"lines" doc:"What came of each, in the order of the request"`
	Receipt *Receipt              `json:"receipt,omitempty" doc:"When the request waited for the replicas"`
}

// BlacklistImportInput is the request of BlacklistImport.
type BlacklistImportInput struct {
	Body BlacklistImport
	WaitInput
}

// BlacklistRulesRemove asks to end the rules that fit all that is said. One of
// source, within, networks and everything is needed.
type BlacklistRulesRemove struct {
	Namespace  string   `json:"namespace,omitempty" doc:"Only rules of this namespace"`
	Global     bool     `json:"global,omitempty" doc:"Only rules that refuse everywhere; not together with namespace"`
	Source     string   `json:"source,omitempty" doc:"Only rules of this source"`
	Within     string   `json:"within,omitempty" doc:"Only rules whose network lies in this one"`
	Networks   []string `json:"networks,omitempty" maxItems:"500" doc:"Only rules for exactly these networks, at most 500"`
	Everything bool     `json:"everything,omitempty" doc:"Without source, within and networks: every rule there is"`
	DryRun     bool     `json:"dry_run,omitempty" doc:"Say which, and remove none"`
}

// BlacklistRulesRemoved is what was removed, or would be.
type BlacklistRulesRemoved struct {
	DryRun  bool            `json:"dry_run" doc:"Whether nothing was removed"`
	Matched int             `json:"matched" doc:"Rules that fit when the request began"`
	Sample  []BlacklistRule `json:"sample" doc:"The oldest of them, at most 20"`
	Removed int             `json:"removed" doc:"How many this request has removed, at most 500"`
	Done    bool            `json:"done" doc:"Whether nothing is left to do; send the same request again until it is"`
	Receipt *Receipt        `json:"receipt,omitempty" doc:"When the request waited for the replicas"`
}

// BlacklistRulesRemoveInput is the request of BlacklistRulesRemove.
type BlacklistRulesRemoveInput struct {
	Body BlacklistRulesRemove
	WaitInput
}

// BlacklistListInput is the request of BlacklistList.
type BlacklistListInput struct {
	Namespace string `query:"namespace" doc:"Only rules of this namespace"`
	Global    bool   `query:"global" doc:"Only rules that refuse everywhere; not together with namespace"`
	PageInput
}

// BlacklistShowInput is the request of BlacklistShow.
type BlacklistShowInput struct {
	ID string `path:"id" doc:"Id of the rule"`
}

// BlacklistRemoveInput is the request of BlacklistRemove. A rule never
// changes, so there is no ETag to match.
type BlacklistRemoveInput struct {
	ID string `path:"id" doc:"Id of the rule"`
	WaitInput
}
