package credential_test

import "testing"

func TestAConfirmationIsOfItsWordsAndItsDeployment(t *testing.T) {
	here, elsewhere := newSecrets(t), newSecrets(t)
	words := []byte("revoke three keys")
	proof := here.SignConfirmation(words)
	if !here.Confirms(words, proof[:]) {
		t.Error("the own proof is refused")
	}
	if here.Confirms([]byte("revoke four keys"), proof[:]) || elsewhere.Confirms(words, proof[:]) || here.Confirms(words, nil) {
		t.Error("a proof of something else is accepted")
	}
	for i := range proof {
		proof[i] ^= 1
		if here.Confirms(words, proof[:]) {
			t.Errorf("a proof with byte %d changed is accepted", i)
		}
		proof[i] ^= 1
	}
}
