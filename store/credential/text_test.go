package credential_test

import (
	"bytes"
	"crypto/rand"
	"database/sql/driver"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"credence/store/credential"
)

// texts holds Texts where printers look for them: bare, by pointer, exported,
// in lists, and where fmt may not call methods.
type texts struct {
	Exported credential.Text            `json:"exported"`
	hidden   credential.Text            // where fmt cannot call its methods
	List     []credential.Text          `json:"list"`
	Map      map[string]credential.Text `json:"map"`
	Pointer  *credential.Text           `json:"pointer"`
	Any      any                        `json:"any"`
}

func TestATextShowsItselfToNoPrinter(t *testing.T) {
	const secret = "crd_live_hunter2hunter2"
	text := credential.NewText(secret)
	all := texts{text, text, []credential.Text{text}, map[string]credential.Text{"a": text}, &text, text}
	var out bytes.Buffer
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d", "t", "c", "U", "e", "p", "T", "w", "100v", "-9.3s", "+q", "# x"} {
		for _, v := range []any{text, &text, all, &all, []any{text}, reflect.ValueOf(text)} {
			fmt.Fprintf(&out, "%"+verb+"\n", v)
		}
	}
	fmt.Fprint(&out, text, all)
	out.WriteString(text.String() + text.GoString())
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("text", slog.Any("text", text), slog.Any("all", all), slog.Any("pointer", &text))
	}
	fmt.Fprint(&out, errors.New("read "+text.String()), fmt.Errorf("read %v: %w", text, io.EOF))
	for _, form := range []string{secret, "hunter2", fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%d", []byte(secret))} {
		if strings.Contains(out.String(), form) {
			t.Fatal("a printer shows the text")
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, text); got != "[redacted]" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

func TestATextIsNeverMarshalled(t *testing.T) {
	const secret = "crd_live_hunter2hunter2"
	text := credential.NewText(secret)
	all := texts{Exported: text, hidden: text, List: []credential.Text{text}, Map: map[string]credential.Text{"a": text}, Pointer: &text, Any: text}
	asJSON, err := json.Marshal(all)
	if err != nil || strings.Count(string(asJSON), `"[redacted]"`) != 5 || bytes.Contains(asJSON, []byte("hunter2")) {
		t.Errorf("JSON: %s, %v", asJSON, err)
	}
	asXML, err := xml.Marshal(text)
	if err != nil || !bytes.Contains(asXML, []byte("[redacted]")) || bytes.Contains(asXML, []byte("hunter2")) {
		t.Errorf("XML: %s, %v", asXML, err)
	}
	if err := gob.NewEncoder(io.Discard).Encode(text); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("gob: %v", err)
	}
	if value, err := driver.DefaultParameterConverter.ConvertValue(text); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a database takes it as %T, %v", value, err)
	}
	var scanned credential.Text
	if _, err := fmt.Sscan(secret, &scanned); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("scan: %v", err)
	}
	var decoded texts
	if err := json.Unmarshal([]byte(`{"exported":"`+secret+`"}`), &decoded); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("unmarshal: %v", err)
	}
}

func TestATextIsComparedByDigestOnly(t *testing.T) {
	if reflect.TypeFor[credential.Text]().Comparable() {
		t.Error("texts can be compared with ==")
	}
	a, b := credential.NewText("same"), credential.NewText("same")
	if a.Digest() != b.Digest() || a.Digest() == credential.NewText("other").Digest() {
		t.Error("digests do not tell texts apart")
	}
	if reflect.DeepEqual(a, b) {
		t.Error("reflection compares texts")
	}
}

func TestTheZeroTextIsEmpty(t *testing.T) {
	var text credential.Text
	if text.Reveal() != "" || !text.Empty() || credential.NewText("a").Empty() {
		t.Error("the zero text is not the empty one alone")
	}
	if got := fmt.Sprint(text); got != "[redacted]" {
		t.Errorf("printed as %s", got)
	}
}

func TestReadTextTakesOneLine(t *testing.T) {
	longest := strings.Repeat("a", credential.MaxTextSize)
	for input, want := range map[string]string{
		"crd_live_abc":                 "crd_live_abc",
		"crd_live_abc\n":               "crd_live_abc",
		"crd_live_abc\r\n":             "crd_live_abc",
		"crd_live_abc ":                "crd_live_abc",
		"\t crd_live_abc \n":           "crd_live_abc",
		longest:                        longest,
		"  " + longest + "  \r\n":      longest,
		string(mint(t, newSecrets(t))): "",
	} {
		text, err := credential.ReadText(iotest.OneByteReader(strings.NewReader(input)))
		if err != nil || text.Reveal() != want && want != "" || text.Empty() {
			t.Errorf("an input of %d bytes is not read as it should: %v", len(input), err)
		}
	}
	token, err := credential.MintToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.ReadText(strings.NewReader(token.Reveal() + "\n")); err != nil {
		t.Errorf("an admin token text is not read: %v", err)
	}
}

func TestReadTextRefusesWithoutShowingTheInput(t *testing.T) {
	const secret = "hunter2"
	for input, want := range map[string]string{
		"":                                "nothing was given; give one",
		"\n":                              "nothing was given",
		" \r\n":                           "nothing was given",
		secret + "\n\n":                   "several lines",
		secret + "\n" + secret:            "several lines",
		secret + "\r" + secret + "\n":     "several lines",
		secret + strings.Repeat("a", 250): "longer than 256 bytes",
		strings.Repeat(secret, 1000):      "longer than 256 bytes",
		"KEY='" + secret + "'":            "a character that no key text has",
		secret + " " + secret:             "a character that no key text has",
		secret + "\x00":                   "a character that no key text has",
		"\ufeff" + secret:                 "a character that no key text has",
	} {
		text, err := credential.ReadText(strings.NewReader(input))
		wantError(t, err, nil, "key text: ", want)
		if strings.Contains(err.Error(), secret) || !text.Empty() {
			t.Errorf("the refused input is shown or answered: %d bytes", len(input))
		}
	}
	broken := errors.New("broken pipe")
	_, err := credential.ReadText(iotest.ErrReader(broken))
	wantError(t, err, broken, "read key text")
}

func TestReadTextIsBounded(t *testing.T) {
	endless := &countingReader{}
	_, err := credential.ReadText(endless)
	wantError(t, err, nil, "longer than")
	if endless.n > 4096 {
		t.Errorf("%d bytes were read", endless.n)
	}
}

type countingReader struct{ n int }

func (r *countingReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	r.n += len(p)
	return len(p), nil
}

func TestRedactTakesOutSecretsAndLeavesNames(t *testing.T) {
	secrets, err := credential.NewSecrets(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		text, _, err := secrets.Mint(rand.Reader, "crd", "live")
		if err != nil {
			t.Fatal(err)
		}
		token, err := credential.MintToken(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		webhook := "whsec_" + base64.StdEncoding.EncodeToString([]byte(text.Reveal()[:30])) + "+/+/+/=="
		for _, secret := range []string{webhook, "whsec_PmtYuZjqG0Ne+OlL9Yc/h/HdcV0sSKtSUOz12nC4rBk=", text.Reveal(), token.Reveal(), text.Reveal()[9:52], hex.EncodeToString([]byte(text.Reveal()))} {
			got := credential.Redact(`key "` + secret + `": not found`)
			if got != `key "[redacted]": not found` {
				t.Fatal("what may be a secret was left in")
			}
		}
	}
	for _, name := range []string{
		"", "a b", "key_06h0c0s9w31zf92k3fm9k09xx0", "req_06h0c1cva6ps5m8213zvskbwy0", "203.0.113.0/24", "ä\xff",
		"0190a5d4-7b1c-7e62-9d2a-000000000000", strings.Repeat("long", 40), "insert_idempotency_records_of_the_actor",
	} {
		if got := credential.Redact(name); got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func FuzzReadText(f *testing.F) {
	for _, seed := range []string{"", "crd_live_abc\n", " a \r\n", "a\nb", "\x00", strings.Repeat("a", 400)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		text, err := credential.ReadText(bytes.NewReader(input))
		if err != nil {
			if len(input) > 8 && strings.Contains(err.Error(), string(input)) {
				t.Fatal("the error shows the input")
			}
			return
		}
		if !credential.WellFormed([]byte(text.Reveal())) || !bytes.Contains(input, []byte(text.Reveal())) {
			t.Fatal("what was read is not the text of the input")
		}
	})
}
