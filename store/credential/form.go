package credential

import (
	"bytes"
	"errors"
	"fmt"
)

// What a key text is made of when nothing else is configured.
const (
	DefaultPrefix      = "crd"
	DefaultEnvironment = "live"
)

// tokenPrefix begins an admin token, so no key text may begin with it.
const tokenPrefix = "crdadm"

// The parts of a text that was minted here, in characters.
const (
	randomSize         = 43
	checksumSize       = 6
	maxPrefixSize      = 16
	maxEnvironmentSize = 16
	maxHeadSize        = maxPrefixSize + 1 + maxEnvironmentSize + 1
	maxBodySize        = maxHeadSize + randomSize
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func isLowerOrDigit(c byte) bool { return isLower(c) || '0' <= c && c <= '9' }

func isBase62(c byte) bool { return isLowerOrDigit(c) || 'A' <= c && c <= 'Z' }

// WellFormed reports whether text has the length and the alphabet of a key
// text, ours or foreign: 1 to [MaxTextSize] letters, digits and - . _ ~ + / =
// (the b64token of RFC 6750, section 2.1). It says nothing about the checksum.
func WellFormed(text []byte) bool {
	if len(text) == 0 || len(text) > MaxTextSize {
		return false
	}
	for _, c := range text {
		if isBase62(c) {
			continue
		}
		switch c {
		case '-', '.', '_', '~', '+', '/', '=':
		default:
			return false
		}
	}
	return true
}

// split parts a text of our structure into what the checksum covers and the
// checksum. It does not tell whether the checksum is right.
func split(text []byte) (body, sum []byte, ok bool) {
	head := len(text) - randomSize - checksumSize
	if head < 0 || head > maxHeadSize {
		return nil, nil, false
	}
	for _, c := range text[head:] {
		if !isBase62(c) {
			return nil, nil, false
		}
	}
	if !isHead(text[:head]) {
		return nil, nil, false
	}
	return text[:len(text)-checksumSize], text[len(text)-checksumSize:], true
}

// isHead reports whether head is PREFIX_ENVIRONMENT_.
func isHead(head []byte) bool {
	prefix, rest, found := bytes.Cut(head, []byte{'_'})
	if !found || !isPrefix(prefix) {
		return false
	}
	environment, found := bytes.CutSuffix(rest, []byte{'_'})
	return found && isEnvironment(environment)
}

func isPrefix(prefix []byte) bool {
	if len(prefix) < 2 || len(prefix) > maxPrefixSize || !isLower(prefix[0]) {
		return false
	}
	for _, c := range prefix {
		if !isLowerOrDigit(c) {
			return false
		}
	}
	return string(prefix) != tokenPrefix
}

func isEnvironment(environment []byte) bool {
	if len(environment) == 0 || len(environment) > maxEnvironmentSize {
		return false
	}
	for _, c := range environment {
		if !isLowerOrDigit(c) {
			return false
		}
	}
	return true
}

// ValidatePrefix reports what is wrong with a prefix of key texts; nil when
// it can be used.
func ValidatePrefix(prefix string) error {
	if prefix == tokenPrefix {
		return errors.New(`prefix: "` + tokenPrefix + `" is kept for admin tokens; choose another one`)
	}
	if !isPrefix([]byte(prefix)) {
		return fmt.Errorf("prefix: %.40q is not 2 to %d of a-z and 0-9 beginning with a letter; choose one such as %q", prefix, maxPrefixSize, DefaultPrefix)
	}
	return nil
}

// ValidateEnvironment reports what is wrong with an environment of key texts;
// nil when it can be used.
func ValidateEnvironment(environment string) error {
	if !isEnvironment([]byte(environment)) {
		return fmt.Errorf("environment: %.40q is not 1 to %d of a-z and 0-9; choose one such as %q", environment, maxEnvironmentSize, DefaultEnvironment)
	}
	return nil
}
