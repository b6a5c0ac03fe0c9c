package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
)

// Object puts objects under a prefix of a bucket of S3, or of what speaks its
// protocol: one for the lines that it is told at once, never over another.
type Object struct {
	client *s3.Client
	name   string
	bucket string
	prefix string // "" or ends with a slash
}

// NewObject checks the address, s3://BUCKET/PREFIX, and takes region, endpoint
// and credentials from where the SDK has them: AWS_REGION, AWS_ENDPOINT_URL_S3,
// AWS_ACCESS_KEY_ID, a profile, the role of the machine or service account.
func NewObject(ctx context.Context, address string, client doer) (*Object, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Port() != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("object store: is no address such as s3://bucket/credence")
	}
	c, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("object store %s: the AWS settings of this process (AWS_..., its profile): %w", address, err)
	}
	o := &Object{name: address, bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	if o.prefix != "" {
		o.prefix += "/"
	}
	o.client = s3.NewFromConfig(c, func(s *s3.Options) {
		s.HTTPClient = client
		s.RetryMaxAttempts = 1 // the lines are told again later
		if s.BaseEndpoint != nil {
			s.UsePathStyle = true // a server of one's own seldom has a name for each bucket
			if s.Region == "" {
				s.Region = "us-east-1" // what MinIO and its like take it for
			}
		}
	})
	if o.client.Options().Region == "" {
		return nil, fmt.Errorf("object store %s: no region: set AWS_REGION to where the bucket is", address)
	}
	return o, nil
}

// Name is the address.
func (o *Object) Name() string { return o.name }

// Hold puts the lines into an object of their own. Its name says when the first
// was signed and what is in it, so that lines that are told again find the
// object that they made, and nothing is written over anything else.
func (o *Object) Hold(ctx context.Context, lines []byte) error {
	key := o.prefix + objectName(lines)
	_, err := o.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(o.bucket), Key: aws.String(key), Body: bytes.NewReader(lines),
		ContentType: aws.String("application/jsonl"), IfNoneMatch: aws.String("*"),
	})
	if code(err) == "PreconditionFailed" {
		err = o.held(ctx, key, lines)
	}
	if err != nil {
		return fmt.Errorf("anchor: %s: %w%s", o.name, err, remedy(err))
	}
	return nil
}

var errOther = errors.New("has something else in it than the checkpoints that it is named after")

// held is nil when the object that is there already is the one that was to be
// made. Whoever else may write there could have put it.
func (o *Object) held(ctx context.Context, key string, lines []byte) error {
	found, err := o.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(o.bucket), Key: aws.String(key)})
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(found.Body, int64(len(lines))+1))
	if err = errors.Join(err, found.Body.Close()); err != nil {
		return err
	}
	if !bytes.Equal(content, lines) {
		return fmt.Errorf("%s %w", key, errOther)
	}
	return nil
}

func objectName(lines []byte) string {
	var first struct {
		At time.Time `json:"at"`
	}
	line, _, _ := bytes.Cut(lines, []byte("\n"))
	_ = json.Unmarshal(line, &first) // without an instant it has the name of the first year
	sum := sha256.Sum256(lines)
	return first.At.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(sum[:]) + ending
}

// code is the word of a store for what it does not do; "" for other errors.
func code(err error) string {
	said, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return ""
	}
	return said.ErrorCode()
}

// remedy says what can be done about what a store answers.
func remedy(err error) string {
	switch code(err) {
	case "AccessDenied":
		return ": allow s3:PutObject and s3:GetObject on what is under the prefix to the role of this process"
	case "NoSuchBucket":
		return ": make the bucket, or correct its name"
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "RequestTimeTooSkewed":
		return ": renew the credentials of this process, and see that its clock is right"
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		return ": set AWS_REGION to where the bucket is"
	default:
		return ""
	}
}
