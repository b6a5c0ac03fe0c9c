package fakekms

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The credentials that an [AWS] lets in, and where its keys are.
const (
	AWSAccessKey = "AKIDEXAMPLE"
	AWSSecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" //nolint:gosec // G101: opens nothing but this
	awsKeys      = "arn:aws:kms:eu-central-1:111122223333:key/"
)

// AWS answers like AWS KMS in eu-central-1 (its JSON protocol).
type AWS struct{ server }

// NewAWS runs one that has keys of these ids, until the test ends.
func NewAWS(tb testing.TB, ids ...string) *AWS {
	tb.Helper()
	a := &AWS{server{keys: newKeys(tb, ids)}}
	a.serve(tb, a.answer)
	return a
}

// Setenv has the SDK find it, and nothing that the machine has otherwise.
func (a *AWS) Setenv(tb testing.TB) {
	tb.Helper()
	for _, v := range a.Environ() {
		name, value, _ := strings.Cut(v, "=")
		tb.Setenv(name, value)
	}
}

// Environ are the variables of [AWS.Setenv].
func (a *AWS) Environ() []string {
	return []string{
		"AWS_ENDPOINT_URL_KMS=" + a.URL, "AWS_ACCESS_KEY_ID=" + AWSAccessKey, "AWS_SECRET_ACCESS_KEY=" + AWSSecretKey, "AWS_SESSION_TOKEN=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PROFILE=",
	}
}

// URI names a key.
func (*AWS) URI(id string) string { return "aws-kms://" + awsKeys + id }

// signed is the form of a request's signature, version 4.
var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + AWSAccessKey +
	`/[0-9]{8}/eu-central-1/kms/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

func (a *AWS) answer(w http.ResponseWriter, r *http.Request) {
	if !signed.MatchString(r.Header.Get("Authorization")) {
		awsRefuse(w, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	}
	var in struct {
		KeyID          string `json:"KeyId"`
		Plaintext      []byte `json:"Plaintext"`
		CiphertextBlob []byte `json:"CiphertextBlob"`
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&in) != nil {
		awsRefuse(w, "SerializationException", "")
		return
	}
	id, ok := strings.CutPrefix(in.KeyID, awsKeys)
	key, known := a.keys[id]
	if !ok || !known {
		awsRefuse(w, "NotFoundException", "Key '"+in.KeyID+"' does not exist")
		return
	}
	switch r.Header.Get("X-Amz-Target") {
	case "TrentService.Encrypt":
		if len(in.Plaintext) == 0 || len(in.Plaintext) > 4096 {
			awsRefuse(w, "ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096")
			return
		}
		awsData(w, map[string]any{"KeyId": in.KeyID, "CiphertextBlob": append([]byte(id+"\x00"), encrypt(key, in.Plaintext)...), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	case "TrentService.Decrypt":
		by, text, _ := bytes.Cut(in.CiphertextBlob, []byte("\x00"))
		if _, of := a.keys[string(by)]; of && string(by) != id {
			awsRefuse(w, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
			return
		}
		plain, ok := decrypt(key, text)
		if !ok {
			awsRefuse(w, "InvalidCiphertextException", "")
			return
		}
		awsData(w, map[string]any{"KeyId": in.KeyID, "Plaintext": plain, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"})
	default:
		awsRefuse(w, "UnknownOperationException", "")
	}
}

func awsData(w http.ResponseWriter, data map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(data)
}

// AWSRefuse answers with an error of AWS.
func AWSRefuse(code, said string) Instead {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		awsRefuse(w, code, said)
		return true
	}
}

func awsRefuse(w http.ResponseWriter, code, said string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"__type": code, "message": said})
}
