package pipeline

import "bytes"

// What follows cuts and compares request bytes without copying them. The
// request is not assumed to be UTF-8: Envoy passes raw header bytes on.

// cutByte cuts around the first separator.
func cutByte(text []byte, separator byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(text, separator); i >= 0 {
		return text[:i], text[i+1:], true
	}
	return text, nil, false
}

// trimBlanks removes spaces and tabs at both ends. HTTP/1 codecs do so, HTTP/2
// ones pass them on.
func trimBlanks(text []byte) []byte {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// cutWord takes the next word off a list whose words are separated by commas,
// blanks or both; the word is empty at the end of the list.
func cutWord(list []byte) (word, rest []byte) {
	start := 0
	for start < len(list) && isSeparator(list[start]) {
		start++
	}
	end := start
	for end < len(list) && !isSeparator(list[end]) {
		end++
	}
	return list[start:end], list[end:]
}

func isSeparator(b byte) bool { return b == ',' || isBlank(b) }

// equalFold compares with a lower-case ASCII word, letter case aside. Other
// alphabets are not folded: the Kelvin sign is no k here.
func equalFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, b := range text {
		if lowerByte(b) != lower[i] {
			return false
		}
	}
	return true
}

func lowerByte(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
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

func isAlphanumeric(b byte) bool {
	lower := lowerByte(b)
	return lower >= 'a' && lower <= 'z' || b >= '0' && b <= '9'
}
