package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"credence/store"
)

// FastLine is what fastEntry reads, as text.
func FastLine(text []byte) (string, bool) {
	l, ok := fastEntry(text)
	return fmt.Sprintf("%#v", *l), ok
}

// SlowLine is what encoding/json reads, as text, of a line that it would write
// the same.
func SlowLine(text []byte) (string, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil || l.Entry == nil {
		return "", errors.Join(err, errors.New("no entry"))
	}
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(l); err != nil || !bytes.Equal(again.Bytes(), text) {
		return "", errors.Join(err, errors.New("written otherwise"))
	}
	return fmt.Sprintf("%#v", *l.Entry), nil
}

// EntryText is the entry as an export writes it.
func EntryText(e *store.AuditEntry) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	l := lineOf(e)
	_ = encoder.Encode(line{Entry: &l}) // texts, numbers and bytes always marshal
	return out.Bytes()
}
