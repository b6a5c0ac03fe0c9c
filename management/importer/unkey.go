package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"credence/management/client"
)

// unkeyKey is a key as Unkey's API answers it, as its migration takes it, and
// as it stands in its table.
type unkeyKey struct {
	ID          string          `json:"id"`
	KeyID       string          `json:"keyId"`
	Hash        json.RawMessage `json:"hash"`
	Plaintext   string          `json:"plaintext"`
	Name        string          `json:"name"`
	OwnerID     string          `json:"ownerId"`
	ExternalID  string          `json:"externalId"`
	Identity    *unkeyIdentity  `json:"identity"`
	Meta        json.RawMessage `json:"meta"`
	Roles       []string        `json:"roles"`
	Permissions []string        `json:"permissions"`
	Expires     *int64          `json:"expires"` // milliseconds
	Enabled     *bool           `json:"enabled"`
	Ratelimit   *unkeyRate      `json:"ratelimit"`
	Ratelimits  []unkeyRate     `json:"ratelimits"`
	Remaining   *int64          `json:"remaining"`
	Refill      *unkeyRefill    `json:"refill"`
	Credits     *unkeyCredits   `json:"credits"`
}

type unkeyIdentity struct {
	ExternalID string `json:"externalId"`
}

type unkeyRate struct {
	Name           string `json:"name"`
	Limit          int64  `json:"limit"`
	Duration       int64  `json:"duration"` // milliseconds
	RefillRate     int64  `json:"refillRate"`
	RefillInterval int64  `json:"refillInterval"` // milliseconds
}

type unkeyRefill struct {
	Interval string `json:"interval"` // daily or monthly
	Amount   int64  `json:"amount"`
}

type unkeyCredits struct {
	Remaining *int64       `json:"remaining"`
	Refill    *unkeyRefill `json:"refill"`
}

// unkeyLines is one key a line.
type unkeyLines struct{ lines *lines }

// openUnkey reads one JSON object a line, of any number, or one JSON document:
// a list of keys, or an object that holds one as keys or data.
func openUnkey(in io.Reader) (source, error) {
	buffered := bufio.NewReaderSize(in, MaxLine)
	start, _ := buffered.Peek(MaxLine) // a shorter file is all of it
	line, _, _ := bytes.Cut(bytes.TrimLeft(start, "\xef\xbb\xbf \r\n\t"), []byte("\n"))
	var one map[string]json.RawMessage
	if json.Unmarshal(line, &one) == nil && one["keys"] == nil && one["data"] == nil {
		l, err := newLines(buffered)
		return &unkeyLines{l}, err
	}
	content, err := readFile(buffered)
	if err != nil {
		return nil, err
	}
	return unkeyDocument(content)
}

func (s *unkeyLines) next() (client.KeyImportRow, error) {
	line, err := s.lines.next()
	if err != nil {
		return client.KeyImportRow{}, err
	}
	return unkeyRow(s.lines.number, []byte(line))
}

// unkeyDocument finds the list of keys.
func unkeyDocument(content []byte) (source, error) {
	d := json.NewDecoder(bytes.NewReader(content))
	if err := enterKeys(d); err != nil {
		return nil, err
	}
	var out readySource
	line, counted := 1, int64(0)
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("the file is not JSON behind byte %d", d.InputOffset())
		}
		start := d.InputOffset() - int64(len(raw))
		line += bytes.Count(content[counted:start], []byte("\n"))
		counted = start
		out.add(unkeyRow(line, raw))
	}
	return &out, nil
}

var errNoKeys = errors.New("the file is neither a list of Unkey's keys nor an object with one as keys or data")

// enterKeys moves the decoder behind the bracket that opens the list.
func enterKeys(d *json.Decoder) error {
	first, err := d.Token()
	if err != nil {
		return errNoKeys
	}
	if first == json.Delim('[') {
		return nil
	}
	if first != json.Delim('{') {
		return errNoKeys
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return errNoKeys
		}
		if name == "keys" || name == "data" {
			return enterKeys(d) // data may be an object with keys
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return errNoKeys
		}
	}
	return errNoKeys
}

func unkeyRow(line int, raw []byte) (client.KeyImportRow, error) {
	var k unkeyKey
	if err := json.Unmarshal(raw, &k); err != nil {
		return client.KeyImportRow{}, jsonError(line, err)
	}
	row := client.KeyImportRow{
		Line: line, KeyText: client.KeyText(k.Plaintext), Disabled: k.Enabled != nil && !*k.Enabled,
		KeyCreate: client.KeyCreate{Name: first(k.Name, k.KeyID, k.ID), Scopes: unique(k.Permissions)},
	}
	if k.Plaintext == "" {
		var wrong *LineError
		if row.SHA256, wrong = unkeyHash(line, k.Hash); wrong != nil {
			return client.KeyImportRow{}, wrong
		}
	}
	if k.Expires != nil {
		row.ExpiresAt = time.UnixMilli(*k.Expires).UTC()
	}
	if wrong := k.budgets(line, &row); wrong != nil {
		return client.KeyImportRow{}, wrong
	}
	k.describe(&row)
	return row, nil
}

// unkeyHash reads the hash: a text, or an object that says how it was made.
func unkeyHash(line int, raw json.RawMessage) (string, *LineError) {
	if len(raw) == 0 {
		return "", lineError(line, "hash", "is missing", "dump the keys with their hash; Unkey's API leaves it out")
	}
	var value string
	if json.Unmarshal(raw, &value) == nil {
		return value, nil
	}
	var object struct {
		Value   string `json:"value"`
		Variant string `json:"variant"`
	}
	if json.Unmarshal(raw, &object) != nil || object.Variant != "sha256_base64" && object.Variant != "" {
		return "", lineError(line, "hash", "is of a variant other than sha256_base64", "only the SHA-256 of the key text can be taken over")
	}
	return object.Value, nil
}

// budgets turns rates into limits, and credits that refill into quotas. Credits
// that do not refill have no equal here, and to drop them would let the key do
// more than before.
func (k *unkeyKey) budgets(line int, row *client.KeyImportRow) *LineError {
	rates := k.Ratelimits
	if k.Ratelimit != nil {
		rates = append(rates, *k.Ratelimit)
	}
	for i, r := range rates {
		name := r.Name
		if name == "" {
			name = "ratelimit" + strconv.Itoa(i+1)
		}
		l := client.Limit{Name: name, Limit: r.Limit, Period: (time.Duration(r.Duration) * time.Millisecond).String()}
		if r.Duration == 0 { // a bucket of limit that refillRate fills each interval
			l.Limit, l.Burst = r.RefillRate, r.Limit
			l.Period = (time.Duration(r.RefillInterval) * time.Millisecond).String()
		}
		row.Limits = append(row.Limits, l)
	}
	remaining, refill := k.Remaining, k.Refill
	if k.Credits != nil {
		remaining, refill = k.Credits.Remaining, k.Credits.Refill
	}
	if refill != nil {
		period := map[string]string{"daily": "day", "monthly": "month"}[refill.Interval]
		if period == "" {
			return lineError(line, "refill", "is neither daily nor monthly", "bring the key into the format csv, with the quota that it is to have")
		}
		row.Quotas = append(row.Quotas, client.Quota{Name: "credits", Limit: refill.Amount, Period: period})
	} else if remaining != nil {
		return lineError(line, "remaining", "is a budget that does not refill, which keys here do not have",
			"take it out if the key may do without, or bring the key into the format csv with a quota or an end")
	}
	return nil
}

// describe makes labels of what says who the key is for.
func (k *unkeyKey) describe(row *client.KeyImportRow) {
	external := first(k.ExternalID, k.OwnerID)
	if external == "" && k.Identity != nil {
		external = k.Identity.ExternalID
	}
	note(row, "external-id", external)
	note(row, "unkey-id", first(k.KeyID, k.ID))
	note(row, "roles", strings.Join(k.Roles, ","))
	var meta map[string]any
	if json.Unmarshal(k.Meta, &meta) != nil {
		return
	}
	for name, value := range meta {
		switch v := value.(type) {
		case string:
			note(row, name, v)
		case bool:
			note(row, name, strconv.FormatBool(v))
		case float64:
			note(row, name, strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
