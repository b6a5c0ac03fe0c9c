package kms

import (
	"testing"

	"credence/test/fakekms"
)

func TestEachRefusalOfAWSHasItsRemedy(t *testing.T) {
	service := fakekms.NewAWS(t, "one")
	service.Setenv(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	key := find(t, service.URI("one"))
	for code, want := range map[string]string{
		"AccessDeniedException":       "allow kms:Decrypt",
		"UnrecognizedClientException": "renew them",
		"ExpiredTokenException":       "renew them",
		"DisabledException":           "enable it",
		"KMSInvalidStateException":    "enable it",
		"InvalidKeyUsageException":    "SYMMETRIC_DEFAULT",
		"NewException":                `AWS KMS refuses it: "NewException: said so"`,
	} {
		service.Instead(fakekms.AWSRefuse(code, "said so"))
		_, err := key.DecryptWithContext(t.Context(), []byte("x"), nil)
		wantError(t, err, want, "said so")
	}
}

func TestTheCredentialsOfAWSAreTheirs(t *testing.T) {
	service := fakekms.NewAWS(t, "one")
	service.Setenv(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDANOTHER")
	_, err := find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
	wantError(t, err, "does not accept the credentials")
	asked := service.Asked()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err = find(t, service.URI("one")).EncryptWithContext(t.Context(), []byte(plain), nil)
	wantError(t, err, "has no AWS credentials: set AWS_ACCESS_KEY_ID")
	if service.Asked() != asked {
		t.Error("it was asked without credentials")
	}
}

func TestAWSIsNotAskedToEncryptMoreThanItDoes(t *testing.T) {
	service := fakekms.NewAWS(t, "one")
	service.Setenv(t)
	key := find(t, service.URI("one"))
	if _, err := key.EncryptWithContext(t.Context(), make([]byte, awsMost), nil); err != nil {
		t.Error(err)
	}
	asked := service.Asked()
	_, err := key.EncryptWithContext(t.Context(), make([]byte, awsMost+1), nil)
	wantError(t, err, "larger than 4096 bytes", "another service")
	if service.Asked() != asked {
		t.Error("it was asked in vain")
	}
}
