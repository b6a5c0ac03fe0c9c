package credential

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"credence/store/secretfile"
)

// secretsFile is secrets.json as it is written.
type secretsFile struct {
	Version    int         `json:"version"`
	Deployment string      `json:"deployment"`
	Checksum   secretsList `json:"checksum"`
	Pepper     secretsList `json:"pepper"`
	Snapshot   string      `json:"snapshot"`
}

type secretsList struct {
	Current string        `json:"current"`
	Secrets []secretEntry `json:"secrets"`
}

type secretEntry struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

const secretsVersion = 1

// LoadSecrets reads secrets.json. Every error names the file, the field and
// the remedy, and shows no secret; a lost file is an [io/fs.ErrNotExist].
func LoadSecrets(path string) (*Secrets, error) {
	content, err := secretfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("load secrets: %w", err)
	}
	var file secretsFile
	if err := secretfile.Decode(path, content, &file); err != nil {
		return nil, fmt.Errorf("load secrets: %w", err)
	}
	s, err := file.secrets()
	if err != nil {
		return nil, fmt.Errorf("load secrets: %s: %w", path, err)
	}
	return s, nil
}

// CreateSecrets makes the secrets of a new deployment and writes them to a new
// file of mode 0600, durably. A file that is there is never overwritten: the
// error is then an [io/fs.ErrExist].
func CreateSecrets(path string, random io.Reader) (*Secrets, error) {
	s, err := NewSecrets(random)
	if err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(s.file(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("create secrets: %w", err)
	}
	if err := secretfile.Create(path, append(content, '\n')); err != nil {
		return nil, fmt.Errorf("create secrets: %w", err)
	}
	return s, nil
}

func (s *Secrets) file() secretsFile {
	f := secretsFile{
		Version:    secretsVersion,
		Deployment: base64.StdEncoding.EncodeToString(s.deployment[:]),
		Checksum:   secretsList{Current: s.checksums[s.checksum].id, Secrets: entries(s.checksums)},
		Pepper:     secretsList{Secrets: entries(s.peppers)},
		Snapshot:   base64.StdEncoding.EncodeToString(s.snapshot[:]),
	}
	if s.pepper >= 0 {
		f.Pepper.Current = s.peppers[s.pepper].id
	}
	return f
}

func entries(secrets []namedSecret) []secretEntry {
	out := make([]secretEntry, len(secrets))
	for i := range secrets {
		out[i] = secretEntry{ID: secrets[i].id, Secret: base64.StdEncoding.EncodeToString(secrets[i].secret[:])}
	}
	return out
}

func (f *secretsFile) secrets() (*Secrets, error) {
	if f.Version != secretsVersion {
		return nil, fmt.Errorf("version: is %d and this program reads %d; use the program that wrote the file", f.Version, secretsVersion)
	}
	var s Secrets
	var err error
	if s.deployment, err = decodeSecret(f.Deployment); err != nil {
		return nil, fmt.Errorf("deployment: %w", err)
	}
	if s.snapshot, err = decodeSecret(f.Snapshot); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	if s.checksums, s.checksum, err = f.Checksum.decode(MaxChecksums); err != nil {
		return nil, fmt.Errorf("checksum.%w", err)
	}
	if s.checksum < 0 {
		return nil, errors.New("checksum.current: is empty, so no key could be minted; name one of checksum.secrets")
	}
	if s.peppers, s.pepper, err = f.Pepper.decode(MaxPeppers); err != nil {
		return nil, fmt.Errorf("pepper.%w", err)
	}
	return &s, nil
}

// decode answers the secrets of a list and the index of the current one, -1
// when none is named.
func (l *secretsList) decode(most int) (secrets []namedSecret, current int, err error) {
	if len(l.Secrets) > most {
		return nil, 0, fmt.Errorf("secrets: has %d entries and %d can be valid at once; remove the oldest that no live key names", len(l.Secrets), most)
	}
	current = -1
	seen := make(map[string]bool, len(l.Secrets))
	for i, entry := range l.Secrets {
		if !isSecretID(entry.ID) {
			return nil, 0, fmt.Errorf("secrets[%d].id: is not 1 to 32 of letters, digits, _ and -; key rows name it, so restore it", i)
		}
		if seen[entry.ID] {
			return nil, 0, fmt.Errorf("secrets[%d].id: %q is there twice; give each secret an id of its own", i, entry.ID)
		}
		seen[entry.ID] = true
		secret, err := decodeSecret(entry.Secret)
		if err != nil {
			return nil, 0, fmt.Errorf("secrets[%d].secret: %w", i, err)
		}
		if entry.ID == l.Current {
			current = i
		}
		secrets = append(secrets, namedSecret{id: entry.ID, secret: secret, mac: newMACKey(secret)})
	}
	if l.Current != "" && current < 0 {
		return nil, 0, fmt.Errorf("current: %.40q is not in secrets; name one that is", l.Current)
	}
	return secrets, current, nil
}

func isSecretID(id string) bool {
	if id == "" || len(id) > 32 {
		return false
	}
	for i := range len(id) {
		if !isBase62(id[i]) && id[i] != '_' && id[i] != '-' {
			return false
		}
	}
	return true
}

// decodeSecret reads 32 bytes of base64. Fewer would be weak, and a secret of
// zeros is a template that nobody filled in.
func decodeSecret(text string) ([32]byte, error) {
	const remedy = "restore it from a backup (a new one is made with: openssl rand -base64 32)"
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != 32 {
		return [32]byte{}, errors.New("is not the base64 of 32 bytes; " + remedy)
	}
	secret := [32]byte(raw)
	if secret == ([32]byte{}) {
		return [32]byte{}, errors.New("is all zeros; " + remedy)
	}
	return secret, nil
}
