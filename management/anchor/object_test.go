package anchor_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"credence/management/anchor"
	"credence/management/outgoing"
)

// bucket is an object store that answers as S3 does, for one bucket "held".
type bucket struct {
	mu      sync.Mutex
	objects map[string]string
	refuse  string // code of an error that is answered instead
	dropped bool   // the next answer is lost, after what was asked for was done
}

var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9]{8}/eu-central-1/s3/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	key, mine := strings.CutPrefix(r.URL.Path, "/held/")
	old, there := b.objects[key]
	switch {
	case err != nil:
	case b.refuse != "":
		s3Refuse(w, http.StatusForbidden, b.refuse)
	case !signed.MatchString(r.Header.Get("Authorization")) || r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]):
		s3Refuse(w, http.StatusForbidden, "SignatureDoesNotMatch")
	case !mine:
		s3Refuse(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodGet && there:
		fmt.Fprint(w, old)
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && there:
		s3Refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPut:
		b.objects[key] = string(body)
		if b.dropped {
			b.dropped = false
			panic(http.ErrAbortHandler)
		}
	default:
		s3Refuse(w, http.StatusNotFound, "NoSuchKey")
	}
}

func s3Refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>said so</Message></Error>`, code)
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{objects: map[string]string{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
	} {
		t.Setenv(name, value)
	}
	return b
}

func newObject(t *testing.T, address string, allow ...string) *anchor.Object {
	t.Helper()
	var o outgoing.Options
	for _, network := range allow {
		o.Allow.Networks = append(o.Allow.Networks, netip.MustParsePrefix(network))
	}
	client := outgoing.NewClient(o)
	t.Cleanup(client.CloseIdleConnections)
	a, err := anchor.NewObject(t.Context(), address, client)
	must(t, err)
	return a
}

const (
	lineOne = `{"at":"2026-11-30T10:45:00Z","sequence":1}` + "\n"
	lineTwo = `{"at":"2026-11-30T10:55:00.5Z","sequence":2}` + "\n"
)

func TestAnObjectStoreGetsAnObjectForEachTelling(t *testing.T) {
	b := newBucket(t)
	o := newObject(t, "s3://held/audit/credence/", "127.0.0.0/8")
	must(t, o.Hold(t.Context(), []byte(lineOne)))
	must(t, o.Hold(t.Context(), []byte(lineTwo)))
	names := slices.Sorted(maps.Keys(b.objects))
	if len(names) != 2 || !strings.HasPrefix(names[0], "audit/credence/20261130T104500Z-") || !strings.HasPrefix(names[1], "audit/credence/20261130T105500Z-") {
		t.Fatalf("it holds %q", names)
	}
	if b.objects[names[0]] != lineOne || b.objects[names[1]] != lineTwo {
		t.Errorf("it holds %q", b.objects)
	}
	if o.Name() != "s3://held/audit/credence/" {
		t.Errorf("it is called %q", o.Name())
	}
}

func TestLinesThatAreToldAgainFindTheirObjectAndNothingIsOverwritten(t *testing.T) {
	b := newBucket(t)
	o := newObject(t, "s3://held", "127.0.0.0/8")
	b.dropped = true
	if err := o.Hold(t.Context(), []byte(lineOne)); err == nil {
		t.Error("a lost answer counts as kept")
	}
	must(t, o.Hold(t.Context(), []byte(lineOne)))
	if len(b.objects) != 1 {
		t.Fatalf("it holds %q", b.objects)
	}
	for name := range b.objects {
		b.objects[name] = "forged"
	}
	err := o.Hold(t.Context(), []byte(lineOne))
	if err == nil || !strings.Contains(err.Error(), "something else in it") {
		t.Errorf("got %v", err)
	}
	for _, content := range b.objects {
		if content != "forged" {
			t.Error("what was there is overwritten")
		}
	}
}

func TestWhatAnObjectStoreRefusesHasItsRemedy(t *testing.T) {
	b := newBucket(t)
	o := newObject(t, "s3://held/x", "127.0.0.0/8")
	for code, want := range map[string]string{
		"AccessDenied": "allow s3:PutObject", "InvalidAccessKeyId": "renew the credentials", "PermanentRedirect": "set AWS_REGION", "Unknown": "said so",
	} {
		b.refuse = code
		if err := o.Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "s3://held/x") {
			t.Errorf("%s: %v", code, err)
		}
	}
	b.refuse = ""
	if err := newObject(t, "s3://other", "127.0.0.0/8").Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), "make the bucket") {
		t.Errorf("another bucket: %v", err)
	}
	if err := newObject(t, "s3://held").Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), "--outgoing-allow") {
		t.Errorf("a private address that nobody allowed: %v", err)
	}
}

func TestTheAddressOfAnObjectStoreIsCheckedAtTheStart(t *testing.T) {
	newBucket(t)
	for _, address := range []string{"s3://", "s3:///prefix", "s3://u:p@held", "s3://held:9000/x", "s3://held/x?versionId=1", "s3://held/x#y"} {
		if _, err := anchor.NewObject(t.Context(), address, http.DefaultClient); err == nil || !strings.Contains(err.Error(), "s3://bucket/credence") {
			t.Errorf("%q: %v", address, err)
		}
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "")
	t.Setenv("AWS_REGION", "")
	if _, err := anchor.NewObject(t.Context(), "s3://held", http.DefaultClient); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("no region: %v", err)
	}
}
