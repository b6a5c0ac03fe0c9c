package management

import "time"

// Retention says how long what is kept. Zero keeps it for ever.
type Retention struct {
	RevokedKeys time.Duration // since a key was revoked; its row stays, emptied
	Usage       time.Duration // by the minute; what is older is not taken for silence
	UsageHours  time.Duration // by the hour
	UsageDays   time.Duration // by the day, and the networks that a key was used from
	Idempotency time.Duration // a create repeated later is a new one
	Changes     time.Duration // a replica that was away longer starts anew
	Reports     time.Duration // since they were made
	Audit       time.Duration // as far as a checkpoint, and every anchor, goes
}

// What is kept for a time that nobody needs to choose.
const (
	keepQuotas   = 24 * time.Hour     // after the end of the calendar window
	keepReplicas = 8 * 24 * time.Hour // more than any ceiling: receipts still name who is silent
)
