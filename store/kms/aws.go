package kms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// awsKey is the form of an ARN, with the region in it.
const awsKey = `^aws-kms://(arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]+)$`

// awsMost is how much AWS KMS encrypts at most, in bytes.
const awsMost = 4096

type awsService struct{ aead tink.AEADWithContext }

func newAWS(ctx context.Context, uri string) (*awsService, error) {
	found := regexp.MustCompile(awsKey).FindStringSubmatch(uri)
	if found == nil {
		return nil, errors.New("names no key of AWS KMS: write aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID, with the whole ARN")
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithRegion(found[2]), config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("the AWS settings of this process (AWS_..., its profile): %w", err)
	}
	if c.Credentials == nil {
		return nil, errors.New("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine or service account")
	}
	client := kms.NewFromConfig(c, func(o *kms.Options) { o.HTTPClient = plainHTTP(c.HTTPClient) })
	aead, err := awskms.NewAEADWithContext(ctx, found[1], awskms.WithKMS(client))
	if err != nil {
		return nil, err
	}
	return &awsService{aead}, nil
}

// plainHTTP is the SDK's client (with its authorities and proxy) that follows
// no redirect.
func plainHTTP(sdk aws.HTTPClient) *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if b, ok := sdk.(*awshttp.BuildableClient); ok {
		transport = b.GetTransport()
	}
	return &http.Client{
		Transport:     newBounded(transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var errTooManyKeys = fmt.Errorf("the keyset is larger than %d bytes, and AWS KMS encrypts no more: keep it under a key of another service, or in a file of cleartext", awsMost)

func (s *awsService) encrypt(ctx context.Context, plain []byte) ([]byte, error) {
	if len(plain) > awsMost {
		return nil, errTooManyKeys
	}
	return s.aead.EncryptWithContext(ctx, plain, nil)
}

func (s *awsService) decrypt(ctx context.Context, text []byte) ([]byte, error) {
	return s.aead.DecryptWithContext(ctx, text, nil)
}

func (s *awsService) explain(err error) string {
	if errors.Is(err, errTooManyKeys) {
		return "too much"
	}
	if strings.Contains(err.Error(), "get credentials") {
		return "this process has no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine or service account"
	}
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	switch said.ErrorCode() {
	case "AccessDeniedException":
		return "AWS KMS denies it: allow kms:Decrypt (and kms:Encrypt where the keyset is made or rotated) on the key to the role of this process"
	case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationTokenException", "IncompleteSignature":
		return "AWS does not accept the credentials of this process: renew them, and see that the clock is right"
	case "NotFoundException":
		return "there is no such key: see the region, account and id in the URI"
	case "IncorrectKeyException", "InvalidCiphertextException":
		return "this key did not encrypt it, or the file was changed: put back the file that belongs to this key"
	case "DisabledException", "KMSInvalidStateException", "KeyUnavailableException":
		return "the key is disabled or waits for its deletion: enable it"
	case "InvalidKeyUsageException":
		return "the key is not one that encrypts: make a symmetric one (SYMMETRIC_DEFAULT)"
	default:
		return "AWS KMS refuses it: " + quoted(said.ErrorCode()+": "+said.ErrorMessage())
	}
}
