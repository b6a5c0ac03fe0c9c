package client

import "time"

// The states of receipts.
const (
	ReceiptComplete = "complete"
	ReceiptPartial  = "partial"
)

// WaitInput is of every request that can wait until the data plane knows of
// the change.
type WaitInput struct {
	Wait string `query:"wait" doc:"Wait up to this long (at most 30s, e.g. 2s) until every replica has applied the change, and add the receipt"`
}

// Receipt says what the replicas of the data plane know of a change.
type Receipt struct {
	Revision int64           `json:"revision" doc:"The revision that had to be applied"`
	State    string          `json:"state" enum:"complete,partial" doc:"complete: nobody decides any more by what was before; partial: the silent replicas may, until they learn of it or stop"`
	TookMS   int64           `json:"took_ms" doc:"How long it took, or was waited, in milliseconds"`
	Replicas int             `json:"replicas" doc:"How many replicas had to apply it"`
	Silent   []SilentReplica `json:"silent" doc:"Those that were not heard to have applied it"`
	Problem  string          `json:"problem,omitempty" doc:"Why the replicas could not be asked at all; then replicas and silent say nothing"`
}

// SilentReplica is a replica that may not know of a change yet.
type SilentReplica struct {
	ID      string    `json:"id" doc:"Its id, another at every start"`
	Name    string    `json:"name" doc:"Host or pod"`
	Address string    `json:"address" doc:"Where its Check port listens"`
	StopsAt time.Time `json:"stops_at" doc:"When it has stopped deciding by itself, if it does not learn of the change before"`
}

// KeyChanged is a key that was changed, and the receipt where one was waited for.
type KeyChanged struct {
	Key

	Receipt *Receipt `json:"receipt,omitempty" doc:"What the replicas know of the change; only with wait"`
}

// PlanChanged is a plan that was changed, and the receipt where one was waited for.
type PlanChanged struct {
	Plan

	Receipt *Receipt `json:"receipt,omitempty" doc:"What the replicas know of the change; only with wait"`
}

// OwnerChanged is an owner that was changed, and the receipt where one was waited for.
type OwnerChanged struct {
	Owner

	Receipt *Receipt `json:"receipt,omitempty" doc:"What the replicas know of the change; only with wait"`
}

// BlacklistAdded is a new rule, and the receipt where one was waited for.
type BlacklistAdded struct {
	BlacklistRule

	Overlaps []BlacklistOverlap `json:"overlaps,omitempty" doc:"Rules that refuse some of the same clients, at most 10"`
	Overlap  int                `json:"overlap,omitempty" doc:"How many of them there are in all"`
	Receipt  *Receipt           `json:"receipt,omitempty" doc:"What the replicas know of the rule; only with wait"`
}

// BlacklistRemoved is the receipt of a rule's end, where one was waited for.
type BlacklistRemoved struct {
	Receipt *Receipt `json:"receipt" doc:"What the replicas know of it"`
}
