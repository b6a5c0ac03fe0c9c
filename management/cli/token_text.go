package cli

import (
	"errors"
	"io"
	"strings"

	"credence/store/credential"
)

// maxTokenText is the longest token of an identity provider, in bytes: what
// the server reads of it.
const maxTokenText = 12 << 10

// base64URL is the alphabet of a signed token.
const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// readToken reads what proves who asks: an admin token, or the token of an
// identity provider (a JWT), which is longer than any of ours.
func readToken(r io.Reader) (credential.Text, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxTokenText+64))
	if err != nil {
		return credential.Text{}, err
	}
	text := strings.TrimSpace(string(raw))
	if strings.Count(text, ".") != 2 {
		return credential.ReadText(strings.NewReader(string(raw)))
	}
	if len(text) > maxTokenText {
		return credential.Text{}, errors.New("longer than the token of an identity provider may be here, 12288 bytes: ask it for fewer claims")
	}
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || strings.Trim(part, base64URL) != "" {
			return credential.Text{}, errors.New("neither an admin token nor the signed token (JWT) of an identity provider: give one of them, on one line")
		}
	}
	return credential.NewText(text), nil
}
