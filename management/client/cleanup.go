package client

import "time"

// Cleanup is something that the control plane tidies up at intervals.
type Cleanup struct {
	Name    string         `json:"name" doc:"Its name"`
	About   string         `json:"about" doc:"What it is about"`
	Every   string         `json:"every" doc:"How often it runs, as a Go duration"`
	Kept    string         `json:"kept,omitempty" doc:"What is older goes: a Go duration, or forever; absent where age is not what counts"`
	LastRun *CleanupReport `json:"last_run,omitempty" doc:"What the last run did; absent before the first"`
}

// CleanupReport is what a run of a cleanup did, or would do.
type CleanupReport struct {
	Name    string        `json:"name" doc:"Name of the cleanup"`
	DryRun  bool          `json:"dry_run,omitempty" doc:"Nothing was done: this is what would be"`
	By      string        `json:"by" doc:"Who ran it: job:cleanup, token:tok_..."`
	At      time.Time     `json:"at" doc:"When it began"`
	Took    string        `json:"took" doc:"How long it took, as a Go duration"`
	Before  time.Time     `json:"before,omitzero" doc:"What is older goes"`
	Done    int           `json:"done" doc:"Keys, rows or entries that it was, or would be, done to"`
	More    bool          `json:"more,omitempty" doc:"It stopped at its bound: run it again for the rest. Of a dry run: there are more than it counts"`
	Problem string        `json:"problem,omitempty" doc:"Why it did not do everything"`
	Items   []CleanupItem `json:"items,omitempty" doc:"Dry run: the first of them, at most 100; none where it is about rows"`
}

// CleanupItem is one thing that a cleanup would do something to.
type CleanupItem struct {
	Object    string    `json:"object" doc:"As in the audit log: key:key_..."`
	Namespace string    `json:"namespace"`
	Since     time.Time `json:"since" doc:"When it became so: expired, was revoked, was made"`
}

// CleanupListInput is the request of CleanupList.
type CleanupListInput struct{}

// CleanupRunInput is the request of CleanupRun.
type CleanupRunInput struct {
	Name string `path:"name" doc:"Name of the cleanup, e.g. revoked-keys"`
	Body CleanupRun
}

// CleanupRun says how to run it.
type CleanupRun struct {
	DryRun bool `json:"dry_run,omitempty" doc:"Only say what would be done"`
}
