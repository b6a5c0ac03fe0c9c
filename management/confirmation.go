package management

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"credence/store"
)

// confirmFor is how long a dry run can be confirmed.
const confirmFor = 15 * time.Minute

// confirmation is what a dry run of revoking many keys gives out, signed: who
// may do it, what exactly, and where the feed stood when it was looked at. The
// caller carries it, so it holds no secret and the server keeps nothing.
type confirmation struct {
	Actor    string         `json:"actor"`
	Filter   KeyList        `json:"filter"`
	Reason   string         `json:"reason"`
	At       time.Time      `json:"at"`
	Position store.Position `json:"position"`
}

// sign answers the confirmation as the caller carries it.
func (s *Service) sign(c confirmation) (string, error) {
	raw, err := json.Marshal(c) //nolint:musttag // only this file reads it again, within minutes
	if err != nil {
		return "", err
	}
	proof := s.secrets.SignConfirmation(raw)
	return base64.RawURLEncoding.EncodeToString(raw) + "." + base64.RawURLEncoding.EncodeToString(proof[:]), nil
}

// confirmed reads a confirmation that the actor brings back.
func (s *Service) confirmed(p *problems, a Actor, token string) confirmation {
	first, second, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	proof, proofErr := base64.RawURLEncoding.DecodeString(second)
	var c confirmation
	const remedy = "make the dry run again and send the confirmation that it answers"
	genuine := err == nil && proofErr == nil && s.secrets.Confirms(raw, proof) &&
		json.Unmarshal(raw, &c) == nil //nolint:musttag // as it was written above
	switch {
	case !genuine || c.Actor != a.ID:
		p.add("confirm", "is no confirmation that a dry run gave out to this caller", remedy)
	case !p.now.Before(c.At.Add(confirmFor)):
		p.add("confirm", "is of a dry run more than "+confirmFor.String()+" ago", remedy)
	}
	return c
}
