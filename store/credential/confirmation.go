package credential

import (
	"crypto/hmac"
	"crypto/sha256"
)

// SignConfirmation answers the proof that this deployment gave out a
// confirmation: what a control plane says it would do, for the caller to say
// that it be done. Every control plane of the deployment can check it.
func (s *Secrets) SignConfirmation(confirmation []byte) [sha256.Size]byte {
	outer := newMACKey(s.deployment)
	h := s.hashers.take()
	key := outer.sum(h, []byte("credence confirmation 1"))
	s.hashers.giveBack(h)
	mac := hmac.New(sha256.New, key[:])
	mac.Write(confirmation)
	var proof [sha256.Size]byte
	mac.Sum(proof[:0])
	return proof
}

// Confirms reports whether proof is that of the confirmation.
func (s *Secrets) Confirms(confirmation, proof []byte) bool {
	want := s.SignConfirmation(confirmation)
	return hmac.Equal(want[:], proof)
}
