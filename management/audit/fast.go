package audit

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// fastEntry reads the line of an entry that is written as most are: its texts
// are printable ASCII without anything escaped, and its details are not shown.
// ok is false for all others, which encoding/json reads; it takes several times
// as long, and most of the time of verifying. What fastEntry reads, encoding/json
// would read the same, and write again as exactly the same bytes.
func fastEntry(text []byte) (l *entryLine, ok bool) {
	s := scanner{rest: text}
	l = &entryLine{}
	s.word(`{"entry":{"namespace":`)
	l.Namespace = s.text()
	s.word(`,"sequence":`)
	l.Sequence = s.number()
	for _, f := range [...]struct {
		word string
		into *string
	}{{`,"at":`, &l.At}, {`,"actor":`, &l.Actor}, {`,"action":`, &l.Action}, {`,"object":`, &l.Object}} {
		s.word(f.word)
		*f.into = s.text()
	}
	for _, f := range [...]struct {
		word string
		into *string
	}{{`,"key_id":`, &l.KeyID}, {`,"ip_address":`, &l.IPAddress}, {`,"request_id":`, &l.RequestID}} {
		if s.maybe(f.word) {
			*f.into = s.some()
		}
	}
	if s.maybe(`,"sealed":`) {
		l.Sealed = s.bytes()
	}
	s.word(`,"previous_hash":`)
	l.Previous = s.text()
	s.word(`,"entry_hash":`)
	l.Hash = s.text()
	s.word("}}\n")
	return l, !s.failed && len(s.rest) == 0
}

// scanner takes what it is told from the front. Once something else stands
// there it has failed.
type scanner struct {
	rest   []byte
	failed bool
}

func (s *scanner) maybe(word string) bool {
	if s.failed || len(s.rest) < len(word) || string(s.rest[:len(word)]) != word {
		return false
	}
	s.rest = s.rest[len(word):]
	return true
}

func (s *scanner) word(word string) {
	if !s.maybe(word) {
		s.failed = true
	}
}

// raw is the inside of a string with nothing to unescape.
func (s *scanner) raw() []byte {
	s.word(`"`)
	end := bytes.IndexByte(s.rest, '"')
	if s.failed || end < 0 {
		s.failed = true
		return nil
	}
	inside := s.rest[:end]
	for _, c := range inside {
		if c < ' ' || c > '~' || c == '\\' {
			s.failed = true
			return nil
		}
	}
	s.rest = s.rest[end+1:]
	return inside
}

func (s *scanner) text() string { return string(s.raw()) }

// some is a text that is left out where it is empty.
func (s *scanner) some() string {
	text := s.text()
	s.failed = s.failed || text == ""
	return text
}

// bytes are at least one, in the one base64 form that they have.
func (s *scanner) bytes() []byte {
	raw := s.raw()
	out := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Strict().Decode(out, raw)
	s.failed = s.failed || err != nil || n == 0
	return out[:n]
}

// number is a whole number in the one form that it has.
func (s *scanner) number() int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || s.rest[end] == '-') {
		end++
	}
	text := string(s.rest[:end])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		s.failed = true
	}
	s.rest = s.rest[end:]
	return n
}
