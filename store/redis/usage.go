package redis

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"credence/store"
)

const (
	// usageName is the stream of usage batches, usageKept that of entries whose
	// version no control plane has understood so far.
	usageName = "usage"
	usageKept = "usage-kept"
	// usageVersion is what this program writes into entries, and the newest that
	// it understands.
	usageVersion = 1
	// usageBudget bounds a call about usage, for which no Check waits.
	usageBudget = 2 * time.Second
	// maxUsageBacklog is how many batches lie in the stream at most. Then
	// replicas keep theirs: nothing that lies there is ever pushed out.
	maxUsageBacklog = 2048
	// maxUsageEntry bounds a batch, in bytes.
	maxUsageEntry = 640 << 10
)

// ErrUsageBacklog means that nobody takes usage out of the stream.
var ErrUsageBacklog = errors.New("the stream of usage is full: no control plane takes from it; does one run with the same --redis?")

// addUsage adds an entry unless the stream is full.
const addUsage = `if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'v', ARGV[4], 'b', ARGV[2], 'm', ARGV[3])
return 1`

// usageMAC tells batches of this deployment's replicas from all others. Its key
// comes from the deployment's snapshot key, by HKDF (RFC 5869) with a label of
// its own.
type usageMAC struct{ secret []byte }

func newUsageMAC(secret [32]byte) (usageMAC, error) {
	derived, err := hkdf.Key(sha256.New, secret[:], nil, "credence usage 1: entries", sha256.Size)
	return usageMAC{derived}, err
}

func (m usageMAC) of(payload string) string {
	mac := hmac.New(sha256.New, m.secret)
	mac.Write([]byte(payload))
	return string(mac.Sum(nil))
}

func (m usageMAC) matches(payload, mac string) bool {
	return hmac.Equal([]byte(m.of(payload)), []byte(mac))
}

// UsageStream delivers usage through a Redis stream. It implements
// [store.UsageSink]: a batch that it took is added by a control plane's
// [UsageIngest], or its number is missed there, and the gap recorded.
type UsageStream struct {
	client *Client
	mac    usageMAC
	most   int
}

// NewUsageStream makes one. secret is the deployment's snapshot key.
func NewUsageStream(c *Client, secret [32]byte) (*UsageStream, error) {
	mac, err := newUsageMAC(secret)
	if err != nil {
		return nil, fmt.Errorf("usage stream: %w", err)
	}
	return &UsageStream{client: c, mac: mac, most: maxUsageBacklog}, nil
}

// AddUsage implements store.UsageSink. It answers ErrUsageBacklog while the
// stream is full, and ErrAway while Redis is.
func (s *UsageStream) AddUsage(ctx context.Context, b store.UsageBatch) error {
	payload, err := b.AppendJSON(nil)
	if err != nil || len(payload) > maxUsageEntry {
		return fmt.Errorf("usage %d: %w: %d bytes, at most %d (%v)", b.Sequence, store.ErrInvalid, len(payload), maxUsageEntry, err)
	}
	text, taken := string(payload), 0
	err = s.client.CallWithin(ctx, usageBudget, func(ctx context.Context, r redis.UniversalClient) error {
		var err error
		taken, err = r.Eval(ctx, addUsage, []string{s.client.Key(usageName)}, s.most, text, s.mac.of(text), usageVersion).Int()
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("usage %d: %w", b.Sequence, err)
	case taken != 1:
		return fmt.Errorf("usage %d: %w", b.Sequence, ErrUsageBacklog)
	}
	return nil
}
