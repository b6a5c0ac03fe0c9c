// Package fakes3 has an object store for tests, on loopback: what answers like
// S3 for one bucket, by its wire protocol. It checks the form of signatures, never
// writes over an object when it is asked not to, lists page by page, and can be
// told to refuse.
package fakes3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Name is that of the bucket.
const Name = "held"

// page is how many names one answer lists.
const page = 2

// Bucket is an object store that answers as S3 does, for one bucket.
type Bucket struct {
	Objects map[string]string // not to be touched while requests run
	Refuse  string            // code of an error that is answered instead
	Dropped bool              // the next answer is lost, after what was asked for was done

	mu sync.Mutex
}

// New runs one until the test ends, and has the SDK find it.
func New(tb testing.TB) *Bucket {
	tb.Helper()
	b := &Bucket{Objects: map[string]string{}}
	server := httptest.NewServer(b)
	tb.Cleanup(server.Close)
	for name, value := range map[string]string{ //nolint:gosec // G101: opens nothing but this
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		tb.Setenv(name, value)
	}
	return b
}

var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/eu-central-1/s3/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

// ServeHTTP implements [http.Handler].
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	key, mine := strings.CutPrefix(r.URL.Path+"/", "/"+Name+"/")
	key = strings.TrimSuffix(key, "/")
	old, there := b.Objects[key]
	switch {
	case err != nil:
	case b.Refuse != "":
		refuse(w, http.StatusForbidden, b.Refuse)
	case !signed.MatchString(r.Header.Get("Authorization")) || r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]):
		refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
	case !mine:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodGet && key == "" && r.URL.Query().Get("list-type") == "2":
		b.list(w, r.URL.Query().Get("prefix"), r.URL.Query().Get("continuation-token"))
	case r.Method == http.MethodGet && there:
		fmt.Fprint(w, old)
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && there:
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		b.Objects[key] = string(body)
		if b.Dropped {
			b.Dropped = false
			panic(http.ErrAbortHandler)
		}
	default:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	}
}

// list answers the names that begin with prefix and come after another.
func (b *Bucket) list(w http.ResponseWriter, prefix, after string) {
	type object struct {
		Key  string `xml:"Key"`
		Size int    `xml:"Size"`
	}
	answer := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool     `xml:"IsTruncated"`
		NextContinuationToken string   `xml:"NextContinuationToken,omitempty"`
		Contents              []object `xml:"Contents"`
	}{}
	for _, key := range slices.Sorted(maps.Keys(b.Objects)) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if len(answer.Contents) == page {
			answer.IsTruncated, answer.NextContinuationToken = true, answer.Contents[page-1].Key
			break
		}
		answer.Contents = append(answer.Contents, object{key, len(b.Objects[key])})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(answer)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>said so</Message></Error>`, code)
}
