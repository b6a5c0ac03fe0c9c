package credential

import (
	"regexp"
	"strings"
)

// signatureSecret is a whole secret of a webhook (package signature); the least
// has 24 bytes.
var signatureSecret = regexp.MustCompile(`whsec_[A-Za-z0-9+/]{32}`)

// signedToken is a JWT: what identity providers give their users for the control
// plane, and n8n its accounts as API keys.
var signedToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}`)

// Seen says what secret a text shows, wherever in it: "an API key", "an admin
// token", "the secret of a webhook" or "a signed token"; "" for none that has a
// form of its own. It is for the texts that people write beside a secret (names,
// reasons, labels), where [Redact] would be too hasty: the digest of an image is
// no key. Any prefix and environment makes a key, also those of another
// deployment, and no checksum has to be right: a key with a typing error shows
// most of the right one.
func Seen(text string) string {
	switch {
	case showsMinted(text):
		if showsToken(text) {
			return "an admin token"
		}
		return "an API key"
	case showsToken(text):
		return "an admin token"
	case signatureSecret.MatchString(text):
		return "the secret of a webhook"
	case signedToken.MatchString(text):
		return "a signed token"
	}
	return ""
}

// showsMinted looks behind each underscore for the random part and the checksum
// of a key, and before it for the environment and the prefix.
func showsMinted(text string) bool {
	for i := range len(text) {
		if text[i] != '_' || !secretTail(text[i+1:]) {
			continue
		}
		rest, environment := cutLowerOrDigits(text[:i])
		if !isEnvironment([]byte(environment)) || !strings.HasSuffix(rest, "_") {
			continue
		}
		_, prefix := cutLowerOrDigits(rest[:len(rest)-1])
		if begins := strings.IndexFunc(prefix, func(r rune) bool { return 'a' <= r && r <= 'z' }); begins >= 0 && begins <= len(prefix)-2 {
			return true
		}
	}
	return false
}

// showsToken looks for the random part and the checksum behind the prefix of
// admin tokens.
func showsToken(text string) bool {
	for {
		_, rest, found := strings.Cut(text, tokenPrefix+"_")
		if !found {
			return false
		}
		if secretTail(rest) {
			return true
		}
		text = rest
	}
}

// secretTail reports whether text begins with as many base62 characters as the
// random part and the checksum have. With more behind them they are still one,
// unless they are of one case, as the digests of files are: of 49 random
// characters that happens once in 10^11.
func secretTail(text string) bool {
	const size = randomSize + checksumSize
	upper, lower := false, false
	for i := range len(text) {
		if !isBase62(text[i]) {
			return i == size
		}
		if i == size {
			return upper && lower
		}
		lower = lower || isLower(text[i])
		upper = upper || 'A' <= text[i] && text[i] <= 'Z'
	}
	return len(text) == size
}

// cutLowerOrDigits cuts what letters and digits a text ends with.
func cutLowerOrDigits(text string) (before, end string) {
	i := len(text)
	for i > 0 && isLowerOrDigit(text[i-1]) {
		i--
	}
	return text[:i], text[i:]
}
