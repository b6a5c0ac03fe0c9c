package store

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// The prefixes of ids. An id tells what it names.
const (
	KeyIDPrefix       = "key_"
	BlacklistIDPrefix = "blk_"
	TokenIDPrefix     = "tok_"
	ReplicaIDPrefix   = "rep_"
	ChangeIDPrefix    = "chg_"
	WebhookIDPrefix   = "whk_"
	DeliveryIDPrefix  = "dlv_"
	EventIDPrefix     = "evt_"

	ConnectionIDPrefix = "con_"
	GiteaTokenIDPrefix = "gtk_"
	N8NKeyIDPrefix     = "n8k_"
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding) //nolint:gochecknoglobals // immutable alphabet

// NewID makes an id whose text order is the order of time: 48 bits of
// milliseconds and 80 random bits, 26 characters of Crockford's base32 (the
// layout of a ULID, in lower case).
func NewID(prefix string, now time.Time, random io.Reader) (string, error) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16)
	if _, err := io.ReadFull(random, raw[6:]); err != nil {
		return "", fmt.Errorf("new id: %w", err)
	}
	return prefix + idEncoding.EncodeToString(raw[:]), nil
}
