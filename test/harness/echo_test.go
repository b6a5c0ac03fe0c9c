package harness

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEchoShowsEveryHeaderLineAsItCame(t *testing.T) {
	echo, err := StartEcho(t.Context(), AnyPort())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, echo) })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", echo.Address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, conn) })
	reader := bufio.NewReader(conn)
	want := Echoed{
		Method: "POST", Path: "/a?b", BodyBytes: 5,
		Headers: [][2]string{{"Host", "x"}, {"b", "2"}, {"A", "1"}, {"b", "1"}, {"transfer-encoding", "chunked"}},
	}
	for range 2 { // the connection goes on after a body
		const request = "POST /a?b HTTP/1.1\r\nHost: x\r\nb: 2\r\nA:1\r\nb:  1 \r\ntransfer-encoding: chunked\r\n\r\n" +
			"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, readEchoed(t, reader)); diff != "" {
			t.Errorf("echoed (-want +got):\n%s", diff)
		}
	}
	if got := echo.Requests(); got != 2 {
		t.Errorf("Requests() = %d, want 2", got)
	}
}

func readEchoed(t *testing.T, reader *bufio.Reader) Echoed {
	t.Helper()
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, response.Body)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got Echoed
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
