package postgres

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"credence/store"
)

// usageHead is a batch as the functions at the server read it, without its
// lists of keys: those are most of it, and written by hand.
type usageHead struct {
	Replica  string         `json:"replica"`
	Sequence int64          `json:"sequence"`
	Started  time.Time      `json:"started"`
	At       time.Time      `json:"at"`
	Final    bool           `json:"final"`
	Earliest *time.Time     `json:"earliest"` // minute of a key; nil without one
	Failing  []usageFailing `json:"failing"`
}

type usageFailing struct {
	Minute    time.Time  `json:"minute"`
	Reason    string     `json:"reason"`
	Address   netip.Addr `json:"address"`
	Checks    int64      `json:"checks"`
	Uncertain int64      `json:"uncertain"`
}

// usageJSON is the argument of the functions. Lists are never null there.
func usageJSON(b *store.UsageBatch) (string, error) {
	head := usageHead{
		Replica: b.Replica, Sequence: b.Sequence, Started: b.Started.UTC(), At: b.At.UTC(), Final: b.Final,
		Failing: make([]usageFailing, 0, len(b.Failing)),
	}
	for _, f := range b.Failing {
		head.Failing = append(head.Failing, usageFailing{
			Minute: f.Minute.UTC(), Reason: f.Reason, Address: f.Address, Checks: f.Checks, Uncertain: f.Uncertain,
		})
	}
	for i := range b.Keys {
		if m := b.Keys[i].Minute.UTC(); head.Earliest == nil || m.Before(*head.Earliest) {
			head.Earliest = &m
		}
	}
	raw, err := json.Marshal(head)
	if err != nil {
		return "", fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	const row, use, agent = 450, 130, 150 // about
	out := make([]byte, 0, len(raw)+row*len(b.Keys)+use*len(b.Used)+agent*len(b.Agents)+48)
	out = append(append(out, raw[:len(raw)-1]...), `,"keys":[`...)
	for i := range b.Keys {
		out = appendUsageKey(separate(out, i), &b.Keys[i])
	}
	out = append(out, `],"used":[`...)
	for i := range b.Used {
		out = appendUsageUsed(separate(out, i), &b.Used[i])
	}
	out = append(out, `],"agents":[`...)
	for i := range b.Agents {
		out = appendUsageAgent(separate(out, i), &b.Agents[i])
	}
	return string(append(out, `]}`...)), nil
}

func appendUsageKey(out []byte, k *store.KeyUsage) []byte {
	out = store.AppendJSONText(append(out, `{"key_id":`...), k.KeyID)
	out = store.AppendJSONTime(append(out, `,"minute":`...), k.Minute.UTC())
	out = store.AppendJSONText(append(out, `,"reason":`...), k.Reason)
	out = store.AppendJSONText(append(out, `,"policy":`...), k.Policy)
	out = strconv.AppendInt(append(out, `,"minutes":`...), int64(k.Minutes), 10)
	out = strconv.AppendInt(append(out, `,"checks":`...), k.Checks, 10)
	out = strconv.AppendInt(append(out, `,"latency_us":`...), k.Latency.Microseconds(), 10)
	out = hex.AppendEncode(append(out, `,"addresses":"`...), k.Addresses.Bytes())
	return append(out, `"}`...)
}

func appendUsageUsed(out []byte, u *store.KeyLastUse) []byte {
	out = store.AppendJSONText(append(out, `{"key_id":`...), u.KeyID)
	out = store.AppendJSONTime(append(out, `,"at":`...), u.At.UTC())
	out = append(out, `,"networks":[`...)
	for i, n := range u.Networks {
		out = append(n.AppendTo(append(separate(out, i), '"')), '"')
	}
	out = append(out, `],"address":`...)
	if !u.Address.IsValid() {
		return append(out, `null}`...)
	}
	return append(u.Address.AppendTo(append(out, '"')), `"}`...)
}

func appendUsageAgent(out []byte, a *store.AgentUsage) []byte {
	out = store.AppendJSONText(append(out, `{"key_id":`...), a.KeyID)
	out = store.AppendJSONTime(append(out, `,"start_at":`...), a.Hour.UTC())
	out = store.AppendJSONText(append(out, `,"agent":`...), a.Agent)
	out = strconv.AppendInt(append(out, `,"checks":`...), a.Checks, 10)
	out = strconv.AppendInt(append(out, `,"denied":`...), a.Denied, 10)
	out = strconv.AppendInt(append(out, `,"latency_us":`...), a.Latency.Microseconds(), 10)
	return append(out, '}')
}

func separate(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}
