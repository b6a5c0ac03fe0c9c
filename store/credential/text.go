package credential

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// MaxTextSize is the largest key text accepted anywhere, in bytes.
const MaxTextSize = 256

// redacted is what a Text shows of itself, everywhere.
const redacted = "[redacted]"

// Text is a key text or an admin token text. It redacts itself when it is
// printed, logged or marshalled, and cannot be compared with ==.
//
// The text hides in a closure because the methods below are not always asked:
// fmt does not call them on an unexported field, nor for %p, and printers that
// walk by reflection (go-cmp, spew) never do. None of them can look into a
// function. The function also makes the type incomparable.
type Text struct {
	reveal func() string
}

// NewText wraps a text that came in from outside. It checks nothing.
func NewText(text string) Text {
	return Text{reveal: func() string { return text }}
}

// Reveal answers the text itself: the only way out. "" for the zero Text.
func (t Text) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// Empty reports whether there is no text.
func (t Text) Empty() bool { return t.Reveal() == "" }

// Digest is the digest by which the text is looked up.
func (t Text) Digest() Digest { return DigestOf([]byte(t.Reveal())) }

// String redacts.
func (Text) String() string { return redacted }

// GoString redacts.
func (Text) GoString() string { return redacted }

// Format redacts for every verb, width and flag.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue redacts.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts; XML, YAML and JSON map keys use it.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON redacts.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// secretRun is the length from which letters, digits and underscores in a row
// look like a secret. An id has 30 of them, a minted text 58.
const secretRun = 32

// webhookSecret is what signs deliveries (package signature), or the beginning
// of one.
var webhookSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{8,}=*`)

// Redact answers text with everything taken out that may be a secret: a key
// text, an admin token text, a hash, or a token of another system. People paste
// those where an id or a name belongs, and an error that repeats what it was
// given would carry them into terminals and logs. A long word of lower-case
// letters alone is a name and stays. The secret of a webhook is base64, whose
// slashes would part it into words that are too short to tell anything.
func Redact(text string) string {
	text = webhookSecret.ReplaceAllLiteralString(text, redacted)
	var out strings.Builder
	start, telling := 0, false
	flush := func(end int) {
		if telling && end-start >= secretRun {
			out.WriteString(redacted)
		} else {
			out.WriteString(text[start:end])
		}
	}
	for i := range len(text) {
		switch c := text[i]; {
		case isLower(c) || c == '_':
		case isBase62(c):
			telling = true
		default:
			flush(i)
			out.WriteByte(c)
			start, telling = i+1, false
		}
	}
	flush(len(text))
	return out.String()
}

// The reasons why input is not one key text. They never contain the input.
var (
	errNoText    = errors.New("key text: nothing was given; give one key text on one line")
	errManyLines = errors.New("key text: several lines were given; give one key text on one line")
	errTooLong   = fmt.Errorf("key text: longer than %d bytes; give one key text on one line", MaxTextSize)
	errAlphabet  = errors.New("key text: has a character that no key text has; give the text alone, without quotes or a name before it")
)

// readSize leaves room for the blanks around the longest text.
const readSize = MaxTextSize + 64

// ReadText reads one key text (or admin token text) from a file or stdin. One
// line end and the blanks around the text are left out. It reads at most a few
// hundred bytes and refuses an empty input, several lines, a text longer than
// [MaxTextSize] and one that is not [WellFormed].
func ReadText(r io.Reader) (Text, error) {
	input, err := io.ReadAll(io.LimitReader(r, readSize+1))
	if err != nil {
		return Text{}, fmt.Errorf("read key text: %w", err)
	}
	text := strings.TrimSuffix(string(input), "\n")
	text = strings.Trim(strings.TrimSuffix(text, "\r"), " \t")
	switch {
	case text == "":
		return Text{}, errNoText
	case strings.ContainsAny(text, "\r\n"):
		return Text{}, errManyLines
	case len(text) > MaxTextSize || len(input) > readSize:
		return Text{}, errTooLong
	case !WellFormed([]byte(text)):
		return Text{}, errAlphabet
	}
	return NewText(text), nil
}
