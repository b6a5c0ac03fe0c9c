package credential

import (
	"bytes"
	"fmt"

	"credence/store/secretfile"
)

// The bounds of a file of call secrets. A secret of minCallSecret characters,
// drawn at random, cannot be guessed; one of maxCallSecret fits a header.
const (
	minCallSecret  = 32
	maxCallSecret  = 256
	maxCallSecrets = 8
)

// LoadCallSecrets reads the secrets by which a proxy proves itself when it
// calls the data plane: one a line, the current one first; while it is being
// exchanged, those that still count below it. Empty lines and lines that begin
// with # are passed over. The group may read the file ([secretfile.Read]).
// The error names the file and the line and shows nothing of it.
func LoadCallSecrets(path string) ([]Text, error) {
	content, err := secretfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("call secrets: %w", err)
	}
	var all []Text
	seen := map[string]bool{}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := string(bytes.TrimSpace(line))
		if text == "" || text[0] == '#' {
			continue
		}
		if problem := callSecretProblem(text); problem != "" {
			return nil, fmt.Errorf("call secrets: %s: line %d: %s", path, number, problem)
		}
		if seen[text] {
			return nil, fmt.Errorf("call secrets: %s: line %d: stands there twice: remove one", path, number)
		}
		seen[text] = true
		all = append(all, NewText(text))
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("call secrets: %s: holds none: write one on a line of its own (openssl rand -hex 32)", path)
	case len(all) > maxCallSecrets:
		return nil, fmt.Errorf("call secrets: %s: holds %d: keep the newest, %d at most", path, len(all), maxCallSecrets)
	}
	return all, nil
}

// callSecretProblem says what keeps the text from being a header that no
// proxy changes and nobody guesses.
func callSecretProblem(text string) string {
	if len(text) < minCallSecret || len(text) > maxCallSecret {
		return fmt.Sprintf("has %d characters: give %d to %d, drawn at random (openssl rand -hex 32)",
			len(text), minCallSecret, maxCallSecret)
	}
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || c == ',' {
			return "has a blank, a comma or a character beyond ASCII: give letters and digits"
		}
	}
	return ""
}
