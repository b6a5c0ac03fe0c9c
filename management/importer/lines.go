package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The bounds of what is read.
const (
	MaxLine = 64 << 10 // of one line, in bytes
	MaxFile = 32 << 20 // of a file that is read whole
)

var errUTF16 = errors.New("the file is UTF-16: save it as UTF-8")

// lines reads a file of any length line by line.
type lines struct {
	in     *bufio.Reader
	number int // of the line that was read last
}

func newLines(in io.Reader) (*lines, error) {
	l := &lines{in: bufio.NewReaderSize(in, MaxLine)}
	start, _ := l.in.Peek(3) // a shorter file has no mark
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		if _, err := l.in.Discard(3); err != nil {
			return nil, err
		}
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, errUTF16
	}
	return l, nil
}

// next answers the next line that is not empty, without its end. A [*LineError]
// is of that line alone.
func (l *lines) next() (string, error) {
	for {
		raw, err := l.read()
		if err != nil {
			return "", err
		}
		line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		switch {
		case strings.ContainsRune(line, 0):
			return "", lineError(l.number, "line", "holds a NUL byte", "the file is damaged, or not of this format")
		case !utf8.ValidString(line):
			return "", lineError(l.number, "line", "is not valid UTF-8", "save the file as UTF-8")
		}
		return line, nil
	}
}

// read answers the next line as it stands. What is too long for the buffer is
// passed over.
func (l *lines) read() ([]byte, error) {
	raw, err := l.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.number++
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, lineError(l.number, "line", fmt.Sprintf("is longer than %d bytes", MaxLine), "the file is damaged, or not of this format")
	case err != nil && (!errors.Is(err, io.EOF) || len(raw) == 0):
		return nil, err
	}
	l.number++
	return raw, nil
}

// readFile reads a file that is read whole.
func readFile(in io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > MaxFile:
		return nil, fmt.Errorf("the file is larger than %d MiB: split it, or bring it into the format csv or jsonl, of which any length is read", MaxFile>>20)
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return nil, errUTF16
	}
	return bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), nil
}
