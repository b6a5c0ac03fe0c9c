package client

import "time"

// KeyRotate asks for a successor of a key.
type KeyRotate struct {
	Grace           string    `json:"grace,omitempty" doc:"How long both keys are let in, at most 2160h; 24h if unsaid, 0s closes the old one at once"`
	CloseWhenSilent string    `json:"close_when_silent,omitempty" doc:"End the grace early, once nobody has used the old key for so long (at least 1m)"`
	ExpiresAt       time.Time `json:"expires_at,omitzero" doc:"End of the successor's life; not together with expires_in"`
	ExpiresIn       string    `json:"expires_in,omitempty" doc:"Length of the successor's life from now, e.g. 720h, or never; as long as the old key's if unsaid"`
	Reason          string    `json:"reason,omitempty" maxLength:"256" doc:"Why, for the audit log"`
}

// KeyRotated is the successor and, this once, its text.
type KeyRotated struct {
	KeyCreated

	Previous Key      `json:"previous" doc:"The key that was rotated"`
	Receipt  *Receipt `json:"receipt,omitempty" doc:"What the replicas know of the change; only with wait"`
}

// KeyRotateInput is the request of KeyRotate.
type KeyRotateInput struct {
	KeyID          string     `path:"key_id" doc:"Public id of the key to rotate"`
	IfMatch        string     `header:"If-Match" doc:"ETag of the state this change is meant for; whatever it is now if unsaid"`
	IdempotencyKey string     `header:"Idempotency-Key" doc:"A repeated request with the same value makes nothing twice"`
	Body           *KeyRotate `doc:"May be left out: then both keys are let in for a day"`
	WaitInput
}

// Rotation is how the rotation of a key stands.
type Rotation struct {
	KeyID           string      `json:"key_id" doc:"Key that was rotated"`
	Name            string      `json:"name" doc:"Its name"`
	Status          string      `json:"status" doc:"Its status"`
	Successor       string      `json:"successor" doc:"Key that takes over"`
	State           string      `json:"state" enum:"open,closed" doc:"open: both keys are let in"`
	RotatedAt       time.Time   `json:"rotated_at" doc:"When the successor was made"`
	ClosesAt        time.Time   `json:"closes_at" doc:"When the old key is refused at the latest; of a closed one: since when it is"`
	CloseWhenSilent string      `json:"close_when_silent,omitempty" doc:"The grace ends early once the old key has been silent for so long"`
	SilentAt        time.Time   `json:"silent_at,omitzero" doc:"When that will be, if nobody uses it from now on and all usage arrives"`
	Use             RotationUse `json:"use" doc:"How the old key was used since"`
}

// RotationUse is what is known of the use of a key since it was rotated.
type RotationUse struct {
	CountedFrom  time.Time       `json:"counted_from" doc:"Start of the minute in which it was rotated, or as far back as usage is kept"`
	CountedUntil time.Time       `json:"counted_until" doc:"Usage of every replica up to then has arrived"`
	Checks       int64           `json:"checks" doc:"Checks with the old key, whatever their outcome"`
	Allowed      int64           `json:"allowed" doc:"Those of them that were let through"`
	Addresses    int64           `json:"addresses" doc:"How many different addresses they came from, estimated"`
	LastUsedAt   time.Time       `json:"last_used_at,omitzero" doc:"The last of them, to a minute; absent for none"`
	QuietSince   time.Time       `json:"quiet_since" doc:"From when on, up to counted_until, nobody used it; what is unknown counts as use"`
	Unknown      []UnknownUse    `json:"unknown" doc:"Times in which uses may have gone unseen"`
	Behind       []ReplicaBehind `json:"behind" doc:"Replicas whose usage has not arrived"`
}

// UnknownUse is a time in which a key may have been used without being seen.
type UnknownUse struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Replica string    `json:"replica,omitempty" doc:"Id of the replica; absent for several"`
	Cause   string    `json:"cause" enum:"killed,lost,uncounted,other" doc:"killed: it ended without delivering; lost: batches of usage never came; uncounted: it counts nothing, or has not delivered yet; other: more keys in use than it counts one by one"`
}

// ReplicaBehind is a replica that decides, and whose usage has not arrived.
type ReplicaBehind struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until,omitzero" doc:"What has arrived of it; absent for nothing"`
}

// KeyRotationInput is the request of KeyRotation.
type KeyRotationInput struct {
	KeyID string `path:"key_id" doc:"Public id of the key that was rotated, or of its successor"`
}
