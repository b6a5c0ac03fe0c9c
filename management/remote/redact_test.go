package remote_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"credence/management/remote"
	"credence/store/credential"
)

func TestAnErrorHoldsNoSecretOfACallInAnyForm(t *testing.T) {
	to := &remote.Target{Account: "root", Secret: credential.NewText("pass-word-1\nTOTPSECRET")}
	also := to.Hiding(credential.NewText("a-cookie-2"), credential.NewText(""), credential.NewText("a-key-3"))
	basic := base64.StdEncoding.EncodeToString([]byte("root:pass-word-1\nTOTPSECRET"))
	said := also.Fail(remote.Forbidden, 403, "you sent pass-word-1, TOTPSECRET, a-cookie-2, a-key-3 and "+basic).Message
	for _, secret := range []string{"pass-word-1", "TOTPSECRET", "a-cookie-2", "a-key-3", basic} {
		if strings.Contains(said, secret) {
			t.Errorf("%s is in %q", secret, said)
		}
	}
	if len(to.Redact) != 0 {
		t.Error("the target itself was changed")
	}
}
