package redis

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHonestRepliesPassHoweverTheyAreCut(t *testing.T) {
	honest := strings.Join([]string{
		"+OK\r\n", "-ERR no\r\n", ":12\r\n", "$-1\r\n", "$0\r\n\r\n", "$5\r\na\r\nbc\r\n", "*-1\r\n", "*0\r\n",
		"*3\r\n$1\r\n*\r\n*2\r\n:1\r\n$-1\r\n+a\r\n", "$" + "1000" + "\r\n" + strings.Repeat("*", 1000) + "\r\n",
		"%1\r\n+a\r\n*1\r\n+b\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n",
	}, "")
	rapid.Check(t, func(t *rapid.T) {
		var s replyScan
		for rest := strings.Repeat(honest, 3); rest != ""; {
			n := rapid.IntRange(1, min(40, len(rest))).Draw(t, "cut")
			if err := s.take([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if s.depth != 0 || s.skip != 0 || len(s.line) != 0 {
			t.Fatalf("left in the middle of a reply: %+v", s)
		}
	})
}

// FuzzReplyScan: whatever arrives, the scan keeps its own bounds, and cutting
// differently changes nothing.
func FuzzReplyScan(f *testing.F) {
	for _, seed := range []string{"*2\r\n$1\r\na\r\n:1\r\n", "$9223372036854775807\r\n", "%2\r\n", "|1\r\n", "\n", "*1\r\n*1\r\n*1\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		var whole, single replyScan
		wholeErr := whole.take(p)
		var singleErr error
		for i := 0; i < len(p) && singleErr == nil; i++ {
			singleErr = single.take(p[i : i+1])
		}
		if (wholeErr == nil) != (singleErr == nil) {
			t.Fatalf("whole %v, byte by byte %v", wholeErr, singleErr)
		}
		if wholeErr != nil {
			if !errors.Is(wholeErr, errReply) {
				t.Fatal(wholeErr)
			}
			return
		}
		if whole.depth != single.depth || whole.skip != single.skip || !bytes.Equal(whole.line, single.line) ||
			whole.depth > maxDepth || whole.skip > maxBulk+2 || len(whole.line) > maxLine {
			t.Fatalf("%+v, byte by byte %+v", whole, single)
		}
	})
}
