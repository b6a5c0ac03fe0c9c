package route

import "bytes"

// maxHost bounds a host (RFC 1035, 2.3.4).
const maxHost = 253

// hostOf is the host of an authority without its port, in lower case, in
// room. An address in brackets is a host that no rule names: empty. It is not
// ok when it is no host: two Host lines arrive as "a,b".
func hostOf(authority []byte, room *[maxHost]byte) (host []byte, ok bool) {
	if len(authority) > 0 && authority[0] == '[' {
		end := bytes.IndexByte(authority, ']')
		return nil, end > 1 && isAddress(authority[1:end]) && isPort(authority[end+1:])
	}
	name := authority
	if i := bytes.IndexByte(authority, ':'); i >= 0 {
		name = authority[:i]
		if !isPort(authority[i:]) {
			return nil, false
		}
	}
	if len(name) == 0 || len(name) > maxHost {
		return nil, false
	}
	label := 0
	for i, b := range name {
		b = lower(b)
		switch {
		case b == '.':
			if label == 0 {
				return nil, false
			}
			label = -1
		case (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' && b != '_':
			return nil, false
		}
		label++
		room[i] = b
	}
	return room[:len(name)], label > 0
}

// isPort is what may follow a host: nothing, or a colon and a number.
func isPort(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	for _, b := range text[1:] {
		if b < '0' || b > '9' {
			return false
		}
	}
	return text[0] == ':' && len(text) > 1 && len(text) <= len(":65535")
}

func isAddress(text []byte) bool {
	for _, b := range text {
		if _, hex := unhex(b); !hex && b != ':' && b != '.' {
			return false
		}
	}
	return true
}
