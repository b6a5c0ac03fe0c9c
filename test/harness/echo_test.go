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
	defer echo.Close()
	conn, err := net.Dial("tcp", echo.Address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	want := Echoed{
		Method: "POST", Path: "/a?b", BodyBytes: 5,
		Headers: [][2]string{{"Host", "x"}, {"b", "2"}, {"A", "1"}, {"b", "1"}, {"transfer-encoding", "chunked"}},
	}
	for range 2 { // the connection goes on after a body
		io.WriteString(conn, "POST /a?b HTTP/1.1\r\nHost: x\r\nb: 2\r\nA:1\r\nb:  1 \r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got Echoed
		if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("echoed (-want +got):\n%s", diff)
		}
	}
	if got := echo.Requests(); got != 2 {
		t.Errorf("Requests() = %d, want 2", got)
	}
}
