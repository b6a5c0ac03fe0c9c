package route

import (
	"bytes"
	"unicode/utf8"
)

// PlainPath reports whether every server reads the same path in it: nothing
// that some normalise, decode or cut off, and no escapes that are not UTF-8: an
// old decoder finds a dot in %c0%ae. Refusing beats guessing.
func PlainPath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); {
		b, size := Unescape(path[i:])
		escaped := size > 1
		switch {
		case size == 0, b < ' ', b == 0x7f, b == '\\', b == ';':
			return false
		case escaped && (b == '/' || b == '.' || b == '%'):
			return false
		case !escaped && (b == ' ' || b > 0x7f):
			return false
		case b >= utf8.RuneSelf:
			if size = escapedRune(path[i:]); size == 0 {
				return false
			}
		}
		i += size
	}
	return !hasOddSegment(path)
}

// WithoutQuery is the path of a request target.
func WithoutQuery(target []byte) []byte {
	if i := bytes.IndexAny(target, "?#"); i >= 0 {
		return target[:i]
	}
	return target
}

// escapedRune is the size of the escapes of one character beyond ASCII that
// text begins with; 0 when they are not UTF-8.
func escapedRune(text []byte) int {
	const escape = len("%00")
	var room [utf8.UTFMax]byte
	n := 0
	for n < len(room) {
		b, size := Unescape(text[min(n*escape, len(text)):])
		if size != escape || b < utf8.RuneSelf {
			break
		}
		room[n], n = b, n+1
	}
	if r, size := utf8.DecodeRune(room[:n]); r != utf8.RuneError || size > 1 {
		return size * escape
	}
	return 0
}

// hasOddSegment reports an empty segment before the last, or one that is "."
// or "..".
func hasOddSegment(path []byte) bool {
	for rest, more := path[1:], true; more; {
		segment := rest
		i := bytes.IndexByte(rest, '/')
		if more = i >= 0; more {
			segment, rest = rest[:i], rest[i+1:]
		}
		if len(segment) == 0 && more || string(segment) == "." || string(segment) == ".." {
			return true
		}
	}
	return false
}

// Unescape reads one byte of a URL, percent-encoded or not. The size is 0 when
// the text is empty or the encoding is broken.
func Unescape(text []byte) (value byte, size int) {
	if len(text) == 0 {
		return 0, 0
	}
	if text[0] != '%' {
		return text[0], 1
	}
	if len(text) < 3 {
		return 0, 0
	}
	high, ok := unhex(text[1])
	low, ok2 := unhex(text[2])
	if !ok || !ok2 {
		return 0, 0
	}
	return high<<4 | low, 3
}

// unhex is the value of a hexadecimal digit.
func unhex(b byte) (value byte, ok bool) {
	switch {
	case b >= '0' && b <= '9':
		return b - '0', true
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10, true
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// MaxPath bounds the path of a rule.
const MaxPath = 512

// reading is a path as the most forgiving server reads it: lower case, and no
// escape of a visible character. Of a long one it is the beginning.
type reading struct {
	room  [MaxPath + 2]byte // one more than a rule has, and a slash
	n     int
	whole bool
}

func (r *reading) read(path []byte) {
	r.n = 0
	for i := 0; i < len(path); {
		if r.n > MaxPath {
			r.whole = false
			return
		}
		b, size := Unescape(path[i:])
		if size > 1 && (b <= ' ' || b >= 0x7f) {
			b, size = path[i], 1 // stands for nothing that a rule can name
		}
		r.room[r.n] = lower(b)
		r.n, i = r.n+1, i+max(size, 1)
	}
	r.whole = true
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
