package anchor_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"credence/management/anchor"
	"credence/management/outgoing"
	"credence/test/fakes3"
)

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
	b := fakes3.New(t)
	o := newObject(t, "s3://held/audit/credence/", "127.0.0.0/8")
	must(t, o.Hold(t.Context(), []byte(lineOne)))
	must(t, o.Hold(t.Context(), []byte(lineTwo)))
	names := slices.Sorted(maps.Keys(b.Objects))
	if len(names) != 2 || !strings.HasPrefix(names[0], "audit/credence/20261130T104500Z-") || !strings.HasPrefix(names[1], "audit/credence/20261130T105500Z-") {
		t.Fatalf("it holds %q", names)
	}
	if b.Objects[names[0]] != lineOne || b.Objects[names[1]] != lineTwo {
		t.Errorf("it holds %q", b.Objects)
	}
	if o.Name() != "s3://held/audit/credence/" {
		t.Errorf("it is called %q", o.Name())
	}
}

func TestLinesThatAreToldAgainFindTheirObjectAndNothingIsOverwritten(t *testing.T) {
	b := fakes3.New(t)
	o := newObject(t, "s3://held", "127.0.0.0/8")
	b.Dropped = true
	if err := o.Hold(t.Context(), []byte(lineOne)); err == nil {
		t.Error("a lost answer counts as kept")
	}
	must(t, o.Hold(t.Context(), []byte(lineOne)))
	if len(b.Objects) != 1 {
		t.Fatalf("it holds %q", b.Objects)
	}
	for name := range b.Objects {
		b.Objects[name] = "forged"
	}
	err := o.Hold(t.Context(), []byte(lineOne))
	if err == nil || !strings.Contains(err.Error(), "something else in it") {
		t.Errorf("got %v", err)
	}
	for _, content := range b.Objects {
		if content != "forged" {
			t.Error("what was there is overwritten")
		}
	}
}

func TestWhatAnObjectStoreRefusesHasItsRemedy(t *testing.T) {
	b := fakes3.New(t)
	o := newObject(t, "s3://held/x", "127.0.0.0/8")
	for code, want := range map[string]string{
		"AccessDenied": "allow s3:PutObject", "InvalidAccessKeyId": "renew the credentials", "PermanentRedirect": "set AWS_REGION", "Unknown": "said so",
	} {
		b.Refuse = code
		if err := o.Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "s3://held/x") {
			t.Errorf("%s: %v", code, err)
		}
	}
	b.Refuse = ""
	if err := newObject(t, "s3://other", "127.0.0.0/8").Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), "make the bucket") {
		t.Errorf("another bucket: %v", err)
	}
	if err := newObject(t, "s3://held").Hold(t.Context(), []byte(lineOne)); err == nil || !strings.Contains(err.Error(), "--outgoing-allow") {
		t.Errorf("a private address that nobody allowed: %v", err)
	}
}

func TestTheAddressOfAnObjectStoreIsCheckedAtTheStart(t *testing.T) {
	fakes3.New(t)
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

func TestWhatIsHeldIsReadInTheOrderOfItsObjects(t *testing.T) {
	b := fakes3.New(t)
	o := newObject(t, "s3://held/audit/credence", "127.0.0.0/8")
	var want strings.Builder
	for i := range 5 { // more than one page of names
		line := `{"at":"2026-11-30T10:4` + strconv.Itoa(i) + `:00Z"}` + "\n"
		want.WriteString(line)
		must(t, o.Hold(t.Context(), []byte(line)))
	}
	b.Objects["audit/credence/README"] = "not a line"
	b.Objects["audit/credence-of-another/x.jsonl"] = "not ours"
	b.Objects["audit.jsonl"] = lineOne
	for address, want := range map[string]string{"s3://held/audit/credence": want.String(), "s3://held/audit.jsonl": lineOne} {
		from, err := newObject(t, address, "127.0.0.0/8").Read(t.Context())
		must(t, err)
		got, err := io.ReadAll(from)
		must(t, err)
		must(t, from.Close())
		if string(got) != want {
			t.Errorf("%s: read %q, want %q", address, got, want)
		}
	}
}

func TestWhatCannotBeReadIsNeverTakenForTheEnd(t *testing.T) {
	b := fakes3.New(t)
	o := newObject(t, "s3://held/x", "127.0.0.0/8")
	if _, err := o.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "holds nothing that ends with .jsonl") {
		t.Errorf("an empty place: %v", err)
	}
	if _, err := newObject(t, "s3://held/gone.jsonl", "127.0.0.0/8").Read(t.Context()); err == nil || !strings.Contains(err.Error(), "NoSuchKey") {
		t.Errorf("an object that is not there: %v", err)
	}
	must(t, o.Hold(t.Context(), []byte(lineOne)))
	must(t, o.Hold(t.Context(), []byte(lineTwo)))
	from, err := o.Read(t.Context())
	must(t, err)
	b.Refuse = "AccessDenied"
	got, err := io.ReadAll(from)
	if string(got) != lineOne || err == nil || !strings.Contains(err.Error(), "s3:ListBucket") {
		t.Errorf("read %q and %v", got, err)
	}
	if _, again := from.Read(make([]byte, 1)); again == nil || errors.Is(again, io.EOF) {
		t.Errorf("after the error: %v", again)
	}
	must(t, from.Close())
}
