package extauthz

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	"credence/extauthz/pipeline"
)

// readBytes reads a message as the server does.
func readBytes(b []byte) *check {
	c := newCheckPool().get()
	c.raw = b
	c.read()
	return c
}

// view is what the decision sees, in a form that can be compared. fromWalk
// makes it from our request, fromGenerated from the generated types.
type view struct {
	Peer       netip.Addr
	PeerKind   pipeline.PeerKind
	HTTP       bool
	Fields     [6]string
	MapHeaders []string // sorted
	RawHeaders []string // in order
	Extensions []string // sorted
	A92        bool
}

func fromWalk(c *check, mapHeaders int) view {
	r := &c.request
	v := view{
		Peer: r.Peer, PeerKind: r.PeerKind, HTTP: r.HTTP, A92: c.grpcFilter(),
		Fields: [6]string{
			string(r.ID), string(r.Method), string(r.Scheme), string(r.Host), string(r.Path), string(r.Protocol),
		},
	}
	for i, h := range r.Headers {
		line := string(h.Name) + "\x00" + string(h.Value)
		if i < mapHeaders {
			v.MapHeaders = append(v.MapHeaders, line)
		} else {
			v.RawHeaders = append(v.RawHeaders, line)
		}
	}
	for _, e := range r.Extensions {
		v.Extensions = append(v.Extensions, string(e.Name)+"\x00"+string(e.Value))
	}
	slices.Sort(v.MapHeaders)
	slices.Sort(v.Extensions)
	return v
}

func fromGenerated(m *authv3.CheckRequest) view {
	var v view
	a := m.GetAttributes()
	switch address := a.GetSource().GetAddress().GetAddress().(type) {
	case *corev3.Address_SocketAddress:
		v.PeerKind = pipeline.PeerInvalid
		if ip, err := netip.ParseAddr(address.SocketAddress.GetAddress()); err == nil {
			v.Peer, v.PeerKind = ip.Unmap().WithZone(""), pipeline.PeerIP
		}
	case *corev3.Address_Pipe:
		v.PeerKind = pipeline.PeerPipe
	case *corev3.Address_EnvoyInternalAddress:
		v.PeerKind = pipeline.PeerInternal
	}
	h := a.GetRequest().GetHttp()
	v.HTTP = h != nil
	v.Fields = [6]string{h.GetId(), h.GetMethod(), h.GetScheme(), h.GetHost(), h.GetPath(), h.GetProtocol()}
	v.A92 = v.HTTP && h.GetId() == "" && h.GetSize() == -1 && len(h.GetHeaders()) == 0
	for name, value := range h.GetHeaders() {
		v.MapHeaders = append(v.MapHeaders, asciiLower(name)+"\x00"+value)
	}
	for _, hv := range h.GetHeaderMap().GetHeaders() {
		name, text, raw := asciiLower(hv.GetKey()), hv.GetValue(), string(hv.GetRawValue())
		if text != "" && raw != "" && text != raw {
			v.RawHeaders = append(v.RawHeaders, name+"\x00"+text)
		}
		if raw == "" {
			raw = text
		}
		v.RawHeaders = append(v.RawHeaders, name+"\x00"+raw)
	}
	for name, value := range a.GetContextExtensions() {
		v.Extensions = append(v.Extensions, name+"\x00"+value)
	}
	slices.Sort(v.MapHeaders)
	slices.Sort(v.Extensions)
	return v
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// nesting is the depth of messages in m, to tell where our bound may refuse
// what the generated types accept.
func nesting(m protoreflect.Message) int {
	deepest := 0
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsMap() && fd.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				deepest = max(deepest, nesting(v.Message()))
				return true
			})
		case fd.IsList() && fd.Message() != nil:
			for i := range v.List().Len() {
				deepest = max(deepest, nesting(v.List().Get(i).Message()))
			}
		case !fd.IsMap() && !fd.IsList() && fd.Message() != nil:
			deepest = max(deepest, nesting(v.Message()))
		}
		return true
	})
	return deepest + 1
}

type failer interface {
	Fatalf(format string, args ...any)
	Helper()
}

// assertSameView is the differential oracle. It answers whether the message
// was accepted.
func assertSameView(t failer, b []byte) bool {
	t.Helper()
	before := bytes.Clone(b)
	c := readBytes(b)
	if !bytes.Equal(before, b) {
		t.Fatalf("the received bytes were changed")
	}
	var m authv3.CheckRequest
	err := proto.Unmarshal(b, &m)
	if err != nil {
		// Leniency on purpose: a string that is not UTF-8 is no reason to
		// refuse. Everything else is.
		if !c.request.Malformed && !strings.Contains(err.Error(), "invalid UTF-8") {
			t.Fatalf("generated types refuse %q (%v), the walk accepts", b, err)
		}
		return false
	}
	if c.request.Malformed {
		h := m.GetAttributes().GetRequest().GetHttp()
		if len(b) <= 2*maxEntries && nesting(m.ProtoReflect()) < maxDepth/2 && len(h.GetHeaders()) <= maxFields &&
			len(h.GetHeaderMap().GetHeaders()) <= maxFields/2 && len(m.GetAttributes().GetContextExtensions()) <= maxFields {
			t.Fatalf("generated types accept %q, the walk refuses", b)
		}
		return false
	}
	got := fromWalk(c, len(m.GetAttributes().GetRequest().GetHttp().GetHeaders()))
	want := fromGenerated(&m)
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("message %q: generated types (-), walk (+):\n%s", b, diff)
	}
	return true
}

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	must(tb, err)
	return b
}

// msg is a message of raw fields, for shapes that no encoder would write.
func msg(fields ...[]byte) []byte { return slices.Concat(fields...) }

func sub(n protowire.Number, content ...[]byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), msg(content...))
}

func str(n protowire.Number, s string) []byte { return sub(n, []byte(s)) }

func num(n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
}

func group(n protowire.Number, content ...[]byte) []byte {
	return protowire.AppendTag(msg(append([][]byte{protowire.AppendTag(nil, n, protowire.StartGroupType)}, content...)...),
		n, protowire.EndGroupType)
}

// http wraps fields of an HttpRequest into a CheckRequest.
func httpCheck(fields ...[]byte) []byte { return sub(1, sub(4, sub(2, fields...))) }

// from wraps fields of an Address into a CheckRequest.
func from(fields ...[]byte) []byte { return sub(1, sub(1, sub(1, fields...))) }

// oddMessages are what the wire format allows and encoders avoid.
func oddMessages() map[string][]byte {
	return map[string][]byte{
		"empty":                     {},
		"no attributes content":     sub(1),
		"L4":                        from(sub(1, str(2, "10.0.0.1"), num(3, 443))),
		"split everywhere":          msg(httpCheck(str(2, "GET")), from(sub(1, str(2, "10.0.0.1"))), httpCheck(str(4, "/a")), httpCheck(str(5, "h"))),
		"scalar repeated":           httpCheck(str(4, "/first"), str(4, "/last"), num(9, 5), num(9, ^uint64(0))),
		"scalar emptied":            httpCheck(str(4, "/first"), str(4, "")),
		"map entry repeated":        httpCheck(sub(3, str(1, "x-api-key"), str(2, "a")), sub(3, str(1, "x-api-key"), str(2, "b"))),
		"map entry split by others": msg(httpCheck(sub(3, str(1, "k"), str(2, "a"))), httpCheck(str(2, "GET"), sub(3, str(1, "k")))),
		"map key repeated inside":   httpCheck(sub(3, str(1, "a"), str(2, "v"), str(1, "b"), str(2, "w"))),
		"map value first":           httpCheck(sub(3, str(2, "v"), str(1, "k"))),
		"map entry empty":           httpCheck(sub(3)),
		"map entry with unknown":    httpCheck(sub(3, str(1, "k"), str(7, "?"), num(2, 3), str(2, "v"))),
		"map after list":            httpCheck(sub(13, sub(1, str(1, "a"), sub(3, []byte{0xff}))), sub(3, str(1, "a"), str(2, "v"))),
		"header map split":          httpCheck(sub(13, sub(1, str(1, "a"), str(3, "1"))), sub(13, sub(1, str(1, "a"), str(3, "2")))),
		"value and raw value":       httpCheck(sub(13, sub(1, str(1, "a"), str(2, "1"), str(3, "2")))),
		"value and same raw value":  httpCheck(sub(13, sub(1, str(1, "a"), str(2, "1"), str(3, "1")))),
		"upper case names":          httpCheck(sub(13, sub(1, str(1, "X-Api-Key"), str(3, "2"))), sub(3, str(1, "Authorization"), str(2, "v"))),
		"socket then pipe":          from(sub(1, str(2, "10.0.0.1")), sub(2, str(1, "/s"))),
		"pipe then socket":          from(sub(2, str(1, "/s")), sub(1, str(2, "10.0.0.1"))),
		"socket, pipe, empty":       from(sub(1, str(2, "10.0.0.1")), sub(2), sub(1)),
		"socket merged":             from(sub(1, str(2, "10.0.0.1")), sub(1, num(3, 1))),
		"socket overwritten":        from(sub(1, str(2, "10.0.0.1")), sub(1, str(2, "10.0.0.2"))),
		"internal":                  from(sub(3, str(1, "waypoint"))),
		"no IP":                     from(sub(1, str(2, "localhost"))),
		"mapped and zoned":          from(sub(1, str(2, "::ffff:10.0.0.1"))),
		"zone":                      from(sub(1, str(2, "fe80::1%eth0"))),
		"odd IPv4":                  from(sub(1, str(2, "010.0.0.1"))),
		"extension repeated":        sub(1, sub(10, str(1, "p"), str(2, "a")), sub(10, str(1, "p"), str(2, "b"))),
		"unknown fields":            msg(str(9, "?"), num(77, 1), group(5, str(1, "x"), group(6)), httpCheck(str(99, "?"), group(3, num(1, 1)))),
		"known field, other type":   httpCheck(num(2, 7), num(3, 7), str(9, "abc"), protowire.AppendFixed32(protowire.AppendTag(nil, 4, protowire.Fixed32Type), 1)),
		"broken after good":         append(httpCheck(str(2, "GET")), 0x0a, 0x05, 0x01),
		"end group alone":           protowire.AppendTag(nil, 1, protowire.EndGroupType),
		"group not ended":           protowire.AppendTag(nil, 5, protowire.StartGroupType),
		"reserved wire type":        {0x0e},
		"field number 0":            {0x02, 0x00},
		"field number too high":     append(protowire.AppendVarint(nil, (1<<29)<<3|2), 0),
		"varint too long":           bytes.Repeat([]byte{0xff}, 11),
		"broken destination":        sub(1, sub(2, sub(1, []byte{0x0a, 0x7f}))),
		"broken labels":             sub(1, sub(1, sub(3, []byte{0x08}))),
		"broken time":               sub(1, sub(4, sub(1, []byte{0xff}))),
		"broken metadata":           sub(1, sub(11, sub(1, str(1, "ns"), sub(2, sub(1, str(1, "k"), sub(2, sub(5, []byte{0x0a}))))))),
		"broken list":               sub(1, sub(13, sub(1, str(1, "ns"), sub(2, sub(1, str(1, "k"), sub(2, sub(6, sub(1, []byte{0x19})))))))),
		"broken any is closed":      sub(1, sub(11, sub(2, str(1, "ns"), sub(2, str(1, "type"), sub(2, []byte{0xff}))))),
		"broken sni":                sub(1, sub(12, []byte{0x0a})),
		"broken pipe":               from(sub(2, []byte{0x0a})),
		"not UTF-8":                 httpCheck(str(4, "/\xff"), sub(3, str(1, "a"), str(2, "\xfe"))),
	}
}

// TestWalkReadsWhatTheGeneratedTypesRead goes through the odd corners one by
// one, so that a failure has a name.
func TestWalkReadsWhatTheGeneratedTypesRead(t *testing.T) {
	for name, b := range oddMessages() {
		t.Run(name, func(t *testing.T) { assertSameView(t, b) })
	}
	if !assertSameView(t, marshal(t, getOrders())) {
		t.Error("an ordinary request was refused")
	}
}

// TestWalkReadsScrambledMessages: whatever order, splitting, repetition and
// unknown fields an encoder may choose, we read what the generated types read.
func TestWalkReadsScrambledMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := scramble(t, drawMessage(t), 1)
		if !assertSameView(t, b) {
			t.Fatalf("a valid message was refused")
		}
	})
}

func drawMessage(t *rapid.T) []byte {
	word := rapid.SampledFrom([]string{"", "a", "B", "x-api-key", "10.0.0.1", "::1", "nonsense"})
	pairs := rapid.MapOfN(word, word, 0, 4)
	m := getOrders()
	a := m.GetAttributes()
	a.ContextExtensions = pairs.Draw(t, "extensions")
	h := a.GetRequest().GetHttp()
	h.Headers = pairs.Draw(t, "headers")
	h.Size, h.Path, h.Id = rapid.Int64Range(-1, 1).Draw(t, "size"), word.Draw(t, "path"), word.Draw(t, "id")
	h.HeaderMap = &corev3.HeaderMap{}
	for range rapid.IntRange(0, 3).Draw(t, "raw headers") {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{
			Key: word.Draw(t, "name"), Value: word.Draw(t, "value"), RawValue: []byte(word.Draw(t, "raw value")),
		})
	}
	s := &structpb.Struct{Fields: map[string]*structpb.Value{"k": structpb.NewListValue(&structpb.ListValue{
		Values: []*structpb.Value{structpb.NewStringValue(word.Draw(t, "metadata")), structpb.NewNumberValue(1)},
	})}}
	a.MetadataContext = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"ns": s}}
	a.Destination = proto.CloneOf(a.GetSource())
	a.GetSource().GetAddress().GetSocketAddress().Address = word.Draw(t, "address")
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	return b
}

// singular says which fields of which message are single messages, that may
// be split: the walk's own path and a part beside it.
func singular(level int, n protowire.Number) (below int, ok bool) {
	type place struct {
		level int
		n     protowire.Number
	}
	below, ok = map[place]int{
		{1, 1}: 2,                       // CheckRequest.attributes
		{2, 1}: 3, {2, 2}: 3, {2, 4}: 4, // source, destination, request
		{3, 1}:  5, // Peer.address
		{4, 2}:  6, // Request.http
		{5, 1}:  7, // Address.socket_address
		{6, 13}: 8, // HttpRequest.header_map
	}[place{level, n}]
	return below, ok
}

// scramble re-encodes a message: fields in another order (of one number the
// order stays), messages in pieces, scalars sent twice, unknown fields
// between.
func scramble(t *rapid.T, b []byte, level int) []byte {
	var parts [][]byte
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeField(b)
		raw := b[:size]
		b = b[size:]
		below, ok := singular(level, n)
		if !ok || kind != protowire.BytesType {
			parts = append(parts, raw)
			if level == 6 && n != 3 && rapid.Bool().Draw(t, "twice") {
				parts = append(parts, raw)
			}
			continue
		}
		_, _, tag := protowire.ConsumeTag(raw)
		content, _ := protowire.ConsumeBytes(raw[tag:])
		content = scramble(t, content, below)
		cut := 0
		if rapid.Bool().Draw(t, "split") {
			cut = firstFields(content, rapid.IntRange(0, 5).Draw(t, "cut"))
		}
		parts = append(parts, sub(n, content[:cut]), sub(n, content[cut:]))
	}
	if rapid.Bool().Draw(t, "unknown") {
		parts = append(parts, str(500, "?"), group(501, num(1, 1)))
	}
	return slices.Concat(rapid.Permutation(parts).Draw(t, "order")...)
}

// firstFields is the size of the first n fields.
func firstFields(b []byte, n int) int {
	size := 0
	for range n {
		if size == len(b) {
			break
		}
		_, _, one := protowire.ConsumeField(b[size:])
		size += one
	}
	return size
}

// FuzzWalk compares the walk with the generated types on any bytes.
func FuzzWalk(f *testing.F) {
	for _, b := range oddMessages() {
		f.Add(b)
	}
	f.Add(marshal(f, getOrders()))
	f.Fuzz(func(t *testing.T, b []byte) { assertSameView(t, b) })
}

// TestWalkIsLenientAboutUTF8: a bad byte from a client is seen as it is.
func TestWalkIsLenientAboutUTF8(t *testing.T) {
	c := readBytes(httpCheck(str(4, "/\xff"), sub(3, str(1, "x-a"), str(2, "\xfe"))))
	if c.request.Malformed || string(c.request.Path) != "/\xff" || string(c.request.Header("x-a")) != "\xfe" {
		t.Errorf("malformed %v, path %q, header %q", c.request.Malformed, c.request.Path, c.request.Header("x-a"))
	}
}

// TestWalkIsBounded: more fields or deeper nesting than any proxy sends make
// a request malformed; nothing of it is looked at.
func TestWalkIsBounded(t *testing.T) {
	var headers, raws, extensions [][]byte
	for i := range maxFields + 1 {
		name := protowire.AppendVarint([]byte("n"), uint64(i))
		headers = append(headers, sub(3, sub(1, name)))
		raws = append(raws, sub(1, sub(1, name)))
		extensions = append(extensions, sub(10, sub(1, name)))
	}
	deep := []byte{}
	for range maxDepth {
		deep = sub(1, sub(2, sub(5, deep)))
	}
	for name, b := range map[string][]byte{
		"headers": httpCheck(headers...), "header map": httpCheck(sub(13, raws...)), "extensions": sub(1, extensions...),
		"metadata":            sub(1, sub(11, sub(1, sub(2, deep)))),
		"repeated headers":    httpCheck(bytes.Repeat(headers[0], maxEntries+1)),
		"repeated extensions": sub(1, bytes.Repeat(extensions[0], maxEntries+1)),
	} {
		t.Run(name, func(t *testing.T) {
			r := readBytes(b).request
			if !r.Malformed || r.HTTP || len(r.Headers) > 0 || len(r.Extensions) > 0 {
				t.Errorf("malformed %v, HTTP %v, %d headers, %d extensions", r.Malformed, r.HTTP, len(r.Headers), len(r.Extensions))
			}
		})
	}
	if readBytes(httpCheck(slices.Concat(headers[:maxFields], headers[:maxFields])...)).request.Malformed {
		t.Errorf("%d headers, all of them twice, were refused", maxFields)
	}
}

// FuzzPeerAddress: the short cut for IPv4 answers what net/netip answers.
func FuzzPeerAddress(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "255.255.255.255", "256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "::1", "", "1..2.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, kind := peerAddr([]byte(s))
		want, err := netip.ParseAddr(s)
		if want = want.Unmap().WithZone(""); want != got || (err == nil) != (kind == pipeline.PeerIP) {
			t.Errorf("%q: got %v (kind %d), want %v, %v", s, got, kind, want, err)
		}
	})
}

// TestGRPCCallersAreRecognisedAsEnvoyDoes: case counts, parameters do not.
func TestGRPCCallersAreRecognisedAsEnvoyDoes(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "application/grpc+x": true,
		"Application/GRPC": false, "application/grpc;charset=utf8": false, "application/grpcfoo": false,
		"application/grpc-web": false, "application/grpc-web+proto": false, "application/json": false, "": false,
	} {
		header := sub(3, str(1, "content-type"), str(2, contentType))
		if got := readBytes(httpCheck(str(2, "POST"), header)).grpcCaller(); got != want {
			t.Errorf("POST %q: %v, want %v", contentType, got, want)
		}
		if readBytes(httpCheck(str(2, "GET"), header)).grpcCaller() {
			t.Errorf("GET %q: taken for gRPC", contentType)
		}
	}
}
