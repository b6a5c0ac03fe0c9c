package client

import "time"

// Replica is one running data-plane process.
type Replica struct {
	ID              string    `json:"id" doc:"Its id, another at every start"`
	Name            string    `json:"name" doc:"Host or pod"`
	Address         string    `json:"address" doc:"Where its Check port listens"`
	Version         string    `json:"version" doc:"Of the program"`
	State           string    `json:"state" enum:"live,silent,left" doc:"live; silent: not heard from for 15 seconds; left: signed off"`
	StartedAt       time.Time `json:"started_at"`
	SeenAt          time.Time `json:"seen_at" doc:"When it reported last, by its clock"`
	LastRead        time.Time `json:"last_read,omitzero" doc:"When it had last read the change feed to its end, as of that report"`
	LeftAt          time.Time `json:"left_at,omitzero" doc:"When it signed off"`
	StopsAt         time.Time `json:"stops_at,omitzero" doc:"Of a silent one: when it has stopped deciding by itself"`
	AppliedRevision int64     `json:"applied_revision" doc:"Up to which revision it has applied the changes"`
	Lag             int64     `json:"lag" doc:"Changes between that and the newest"`
	Ceiling         string    `json:"ceiling" doc:"The longest it goes on deciding without having read the feed"`
}

// ReplicaPage is a part of the list of replicas.
type ReplicaPage struct {
	List[Replica]

	HeadRevision int64 `json:"head_revision" doc:"Revision of the newest change"`
}

// ReplicaListInput is the request of ReplicaList.
type ReplicaListInput struct {
	Ended bool `query:"ended" doc:"Also those that ended more than an hour ago"`
	PageInput
}
