package unary

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	// tableSize is that of the dynamic table that peers may use (RFC 9113,
	// 6.5.2): the initial value, which is never changed.
	tableSize = 4096
	// maxRemembered bounds the header block that is remembered.
	maxRemembered = 2048
	// maxPath bounds the names of methods, which open calls keep.
	maxPath = 256
	// maxShown is how many values of the admitted metadata are looked at.
	maxShown = 4
)

// head is what the header block of a call says.
type head struct {
	path     string
	inline   bool // it is the method that is answered inline
	admitted bool // by what it shows
	timed    bool
	timeout  time.Duration

	refusal *refusal // the call is refused without looking at its message
	reset   Code     // the stream is reset; CodeNo is not
}

// refusal is an answer without a message.
type refusal struct {
	http    int
	code    uint32
	message string
}

// headerReader decodes the header blocks of a connection.
//
// Proxies send the same block with every call, as long as the table stands
// still and nothing in it is the call's own. Therefore the last one is
// remembered with what it said: the same bytes under the same table say the
// same.
type headerReader struct {
	options *Options
	decoder *hpack.Decoder

	// The block that is being decoded.
	head        head
	size        int // RFC 7541, 4.1
	regular     bool
	method      string
	scheme      bool
	authority   int
	host        int
	contentType string
	encoding    string // of messages
	shown       []string

	remembered []byte // empty: nothing is
	said       head
}

func newHeaderReader(o *Options) *headerReader {
	h := &headerReader{options: o}
	h.decoder = hpack.NewDecoder(tableSize, h.field)
	h.decoder.SetMaxStringLength(o.MaxHeaders)
	return h
}

// read decodes a whole block. An error is one of the connection: the tables of
// both sides are not the same any more (RFC 9113, 4.3).
func (h *headerReader) read(block []byte) (head, error) {
	if len(h.remembered) > 0 && bytes.Equal(h.remembered, block) {
		return h.said, nil
	}
	moves := movesTable(block)
	if moves {
		h.remembered = h.remembered[:0]
	}
	h.begin()
	if _, err := h.decoder.Write(block); err != nil {
		return head{}, violation(CodeCompression, "header block cannot be decoded")
	}
	if err := h.decoder.Close(); err != nil {
		return head{}, violation(CodeCompression, "header block is cut off")
	}
	h.judge()
	if !moves && len(block) <= maxRemembered {
		h.remembered, h.said = append(h.remembered[:0], block...), h.head
	}
	return h.head, nil
}

func (h *headerReader) begin() {
	h.head = head{}
	h.size, h.regular, h.method, h.scheme = 0, false, "", false
	h.authority, h.host, h.contentType, h.encoding = 0, 0, "", ""
	clear(h.shown)
	h.shown = h.shown[:0]
	h.decoder.SetEmitEnabled(true)
}

// field takes one field. Over the bound the rest is decoded, which the table
// needs, and not looked at.
func (h *headerReader) field(f hpack.HeaderField) {
	if h.size += int(f.Size()); h.size > h.options.MaxHeaders {
		h.head.reset = CodeFrameSize
		h.decoder.SetEmitEnabled(false)
		return
	}
	if h.head.reset != CodeNo {
		return
	}
	if !validValue(f.Value) || !h.place(f) {
		h.head.reset = CodeProtocol
	}
}

// place reports whether the field may stand where it stands (RFC 9113, 8.2
// and 8.3).
func (h *headerReader) place(f hpack.HeaderField) bool {
	if f.IsPseudo() {
		return !h.regular && h.pseudo(f)
	}
	h.regular = true
	switch f.Name {
	case "content-type":
		h.contentType = f.Value
	case "grpc-timeout":
		h.timeout(f.Value)
	case "grpc-encoding":
		h.encoding = f.Value
	case "host":
		h.host++
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return false
	default:
		if f.Name == h.options.Shows && len(h.shown) < maxShown {
			h.shown = append(h.shown, f.Value)
		}
		return validName(f.Name)
	}
	return true
}

// pseudo takes a pseudo-header field: each stands once.
func (h *headerReader) pseudo(f hpack.HeaderField) bool {
	switch f.Name {
	case ":method":
		fresh := h.method == ""
		h.method = f.Value
		return fresh && f.Value != ""
	case ":path":
		fresh := h.head.path == ""
		h.head.path = f.Value
		return fresh && f.Value != ""
	case ":scheme":
		fresh := !h.scheme
		h.scheme = true
		return fresh
	case ":authority":
		h.authority++
		return true // gRPC answers a second one, see judge
	}
	return false
}

// judge ends a block: it says what the call is, or why it is refused, by the
// rules of gRPC (PROTOCOL-HTTP2, "Requests"; A41 for the authority).
func (h *headerReader) judge() {
	if h.head.reset != CodeNo {
		return
	}
	if h.method == "" || h.head.path == "" || !h.scheme {
		h.head.reset = CodeProtocol
		return
	}
	h.head.inline = h.head.path == h.options.Path
	if h.head.inline {
		h.head.path = h.options.Path // and let go of the copy
	}
	h.head.admitted = h.options.Admits == nil || h.options.Admits(h.shown)
	const ok, badRequest, methodNotAllowed, unsupportedMediaType = 200, 400, 405, 415
	switch {
	case h.authority > 1 || h.host > 1:
		h.head.refusal = &refusal{badRequest, statusInternal, fmt.Sprintf("num values of :authority: %d, num values of host: %d, "+
			"both must only have 1 value as per HTTP/2 spec", h.authority, h.host)}
	case !isGRPC(h.contentType):
		h.head.refusal = &refusal{unsupportedMediaType, statusInvalidArgument, "invalid gRPC request content-type " + quoted(h.contentType)}
	case h.head.refusal != nil: // a timeout that is none
	case h.authority+h.host == 0:
		h.head.refusal = &refusal{badRequest, statusInternal, "no host or :authority header present"}
	case h.method != "POST":
		h.head.refusal = &refusal{methodNotAllowed, statusInternal, "Received a HEADERS frame with :method " + quoted(h.method) + " which should be POST"}
	case h.encoding != "" && h.encoding != "identity":
		h.head.refusal = &refusal{ok, statusUnimplemented, "grpc: Decompressor is not installed for grpc-encoding " + quoted(h.encoding)}
	case len(h.head.path) > maxPath:
		h.head.refusal = &refusal{ok, statusUnimplemented, "unknown method " + quoted(h.head.path)}
	}
	if h.head.refusal != nil {
		h.head.path = ""
	}
}

// timeout reads grpc-timeout: at most eight digits and a unit.
func (h *headerReader) timeout(text string) {
	const badRequest, mostDigits = 400, 8
	h.head.timed = true
	unit := time.Duration(0)
	if len(text) >= 2 && len(text) <= mostDigits+1 {
		unit = timeoutUnit(text[len(text)-1])
	}
	n, err := strconv.ParseUint(text[:max(len(text)-1, 0)], 10, 32)
	if unit == 0 || err != nil {
		h.head.refusal = &refusal{badRequest, statusInternal, "malformed grpc-timeout: " + quoted(text)}
		return
	}
	const longest = 1<<63 - 1
	if n > uint64(longest/unit) {
		h.head.timeout = longest
		return
	}
	h.head.timeout = time.Duration(n) * unit
}

func timeoutUnit(b byte) time.Duration {
	switch b {
	case 'H':
		return time.Hour
	case 'M':
		return time.Minute
	case 'S':
		return time.Second
	case 'm':
		return time.Millisecond
	case 'u':
		return time.Microsecond
	case 'n':
		return time.Nanosecond
	}
	return 0
}

// isGRPC reports whether the content type is gRPC's, with any subtype.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(contentType, contentTypeGRPC)
	return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
}

// quoted shows a little of what a peer has sent.
func quoted(s string) string {
	const most = 64
	return strconv.QuoteToASCII(s[:min(len(s), most)])
}

// validValue: no control characters but the tab (RFC 9113, 8.2.1).
func validValue(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// validName: a token in lower case (RFC 9113, 8.2.1).
func validName(s string) bool {
	for i := range len(s) {
		b := s[i]
		if 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

// movesTable reports whether decoding the block changes the dynamic table
// (RFC 7541, 6.2.1 and 6.3), or might.
func movesTable(block []byte) bool {
	for len(block) > 0 {
		b, ok := block[0], false
		switch {
		case b&0x80 != 0: // indexed (6.1)
			_, block, ok = hpackInteger(block, 7)
		case b&0xe0 == 0: // a literal that is not indexed (6.2.2, 6.2.3)
			block, ok = skipLiteral(block)
		}
		if !ok {
			return true
		}
	}
	return false
}

func skipLiteral(block []byte) (rest []byte, ok bool) {
	name, rest, ok := hpackInteger(block, 4)
	if ok && name == 0 {
		rest, ok = skipString(rest)
	}
	if !ok {
		return nil, false
	}
	return skipString(rest)
}

func skipString(b []byte) (rest []byte, ok bool) {
	length, rest, ok := hpackInteger(b, 7)
	if !ok || length > len(rest) {
		return nil, false
	}
	return rest[length:], true
}

// hpackInteger reads an integer with a prefix of so many bits (RFC 7541, 5.1).
func hpackInteger(b []byte, bits uint) (n int, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, nil, false
	}
	most := 1<<bits - 1
	n = int(b[0]) & most
	if b = b[1:]; n < most {
		return n, b, true
	}
	const longest = 28 // bits: more than any length here
	for shift := uint(0); len(b) > 0 && shift < longest; shift += 7 {
		c := b[0]
		b = b[1:]
		n += int(c&0x7f) << shift
		if c&0x80 == 0 {
			return n, b, true
		}
	}
	return 0, nil, false
}
