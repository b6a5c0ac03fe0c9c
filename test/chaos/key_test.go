package chaos

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"credence/management/client"
)

// fate is what is known of a key. It only grows.
type fate int

const (
	alive   fate = iota // made, and nobody has begun to revoke it
	unknown             // a revocation has begun, and how it ended is not known
	revoked             // a receipt has come
)

// key is one key and what may be answered for it.
type key struct {
	id, text string
	limited  bool // 429 is right, too

	mu      sync.Mutex
	fate    fate
	receipt client.Receipt
}

// known is what was known of a key when a Check began.
type known struct {
	fate    fate
	receipt client.Receipt
}

func (k *key) now() known {
	k.mu.Lock()
	defer k.mu.Unlock()
	return known{k.fate, k.receipt}
}

func (k *key) becomes(f fate, receipt client.Receipt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fate, k.receipt = f, receipt
}

// over reports whether a replica may not accept the key in a Check that began
// then.
func (k known) over(address string, began time.Time) bool {
	if k.fate != revoked || k.receipt.Problem != "" {
		return false
	}
	for _, silent := range k.receipt.Silent {
		if silent.Address == address {
			return began.After(silent.StopsAt)
		}
	}
	return true
}

// ring holds the keys of a run.
type ring struct {
	mu  sync.Mutex
	all []*key
}

func (r *ring) add(k *key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, k)
}

func (r *ring) list() []*key {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.all)
}

// any is a key, a younger one more often than not.
func (r *ring) any(random *rand.Rand) *key {
	all := r.list()
	if random.IntN(2) == 0 && len(all) > 20 {
		all = all[len(all)-20:]
	}
	return all[random.IntN(len(all))]
}
