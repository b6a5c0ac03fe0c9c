package store

import (
	"encoding/json"
	"strconv"
	"time"
)

// AppendJSON appends what encoding/json makes of the batch, at a tenth of what
// that costs: with many keys a replica ships some thousand rows a second.
func (b *UsageBatch) AppendJSON(out []byte) ([]byte, error) {
	head := *b
	head.Keys, head.Used, head.Failing, head.Agents = nil, nil, nil, nil
	raw, err := json.Marshal(head)
	if err != nil {
		return nil, err
	}
	out = append(out, raw[:len(raw)-1]...)
	if b.Keys != nil {
		out = append(out, `,"keys":[`...)
		for i := range b.Keys {
			out = b.Keys[i].appendJSON(comma(out, i))
		}
		out = append(out, ']')
	}
	if b.Used != nil {
		out = append(out, `,"used":[`...)
		for i := range b.Used {
			out = b.Used[i].appendJSON(comma(out, i))
		}
		out = append(out, ']')
	}
	if b.Failing != nil { // a few dozen at most
		raw, err := json.Marshal(b.Failing)
		if err != nil {
			return nil, err
		}
		out = append(append(out, `,"failing":`...), raw...)
	}
	if b.Agents != nil {
		out = append(out, `,"agents":[`...)
		for i := range b.Agents {
			out = b.Agents[i].appendJSON(comma(out, i))
		}
		out = append(out, ']')
	}
	return append(out, '}'), nil
}

func (k *KeyUsage) appendJSON(out []byte) []byte {
	out = AppendJSONTime(append(out, `{"minute":`...), k.Minute)
	out = strconv.AppendInt(append(out, `,"minutes":`...), int64(k.Minutes), 10)
	out = AppendJSONText(append(out, `,"key_id":`...), k.KeyID)
	out = AppendJSONText(append(out, `,"reason":`...), k.Reason)
	out = AppendJSONText(append(out, `,"policy":`...), k.Policy)
	out = strconv.AppendInt(append(out, `,"checks":`...), k.Checks, 10)
	out = strconv.AppendInt(append(out, `,"latency":`...), int64(k.Latency), 10)
	out, _ = k.Addresses.AppendText(append(out, `,"addresses":"`...)) // it does not fail
	return append(out, `"}`...)
}

func (u *KeyLastUse) appendJSON(out []byte) []byte {
	out = AppendJSONText(append(out, `{"key_id":`...), u.KeyID)
	out = AppendJSONTime(append(out, `,"at":`...), u.At)
	out = append(out, `,"address":"`...)
	if u.Address.IsValid() {
		out = u.Address.AppendTo(out)
	}
	out = append(out, '"')
	if u.Networks != nil {
		out = append(out, `,"networks":[`...)
		for i, n := range u.Networks {
			out = append(n.AppendTo(append(comma(out, i), '"')), '"')
		}
		out = append(out, ']')
	}
	return append(out, '}')
}

func (a *AgentUsage) appendJSON(out []byte) []byte {
	out = AppendJSONTime(append(out, `{"hour":`...), a.Hour)
	out = AppendJSONText(append(out, `,"key_id":`...), a.KeyID)
	out = AppendJSONText(append(out, `,"agent":`...), a.Agent)
	out = strconv.AppendInt(append(out, `,"checks":`...), a.Checks, 10)
	out = strconv.AppendInt(append(out, `,"denied":`...), a.Denied, 10)
	out = strconv.AppendInt(append(out, `,"latency":`...), int64(a.Latency), 10)
	return append(out, '}')
}

func comma(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}

// AppendJSONTime appends an instant as encoding/json writes it.
func AppendJSONTime(out []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(out, '"'), time.RFC3339Nano), '"')
}

// AppendJSONText appends a text as encoding/json writes it.
func AppendJSONText(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			raw, _ := json.Marshal(text) // of a string it does not fail
			return append(out, raw...)
		}
	}
	out = append(out, '"')
	out = append(out, text...)
	return append(out, '"')
}
