package unary

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
)

// grpcServer is grpc-go's server with the same two methods.
func grpcServer(t *testing.T) string {
	t.Helper()
	handler := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var message []byte
		if err := decode(&message); err != nil {
			return nil, err
		}
		if string(message) == "fail" {
			return nil, status.Error(codes.PermissionDenied, "as asked: 100%")
		}
		return message, nil
	}
	s := grpc.NewServer(grpc.ForceServerCodecV2(encoding.CodecV2(raw{})), grpc.MaxRecvMsgSize(1<<20), grpc.MaxHeaderListSize(64<<10))
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Service", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Inline", Handler: handler}, {MethodName: "Other", Handler: handler}},
	}, nil)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() { s.Stop(); <-done })
	return l.Addr().String()
}

// request is a call by the frame.
type request struct {
	fields []string
	data   []string // of DATA frames; nil: HEADERS ends the stream
}

// String is what came back.
func (r request) from(s *speaker) string {
	s.tb.Helper()
	stream := s.opens(r.fields, r.data == nil)
	for i, d := range r.data {
		if s.WriteData(stream, i == len(r.data)-1, []byte(d)) != nil {
			break
		}
	}
	a := s.hearsOf(stream)
	if a.header["grpc-message"] == "" { // as good as none
		delete(a.header, "grpc-message")
	}
	// They repeat the subtype that was asked with, as they may.
	a.header["content-type"], _, _ = strings.Cut(a.header["content-type"], "+")
	return fmt.Sprintf("%v %d blocks %q", a.header, a.blocks, a.data)
}

// TestTheSameAnswersAsGRPC: what a client sends, right or wrong, gets the same
// status, text and form of grpc-go's server.
func TestTheSameAnswersAsGRPC(t *testing.T) {
	ours := serve(t, testOptions(func(call *Call) {
		if message, _ := call.Message(); string(message) == "fail" {
			call.Fail(7, "as asked: 100%")
			return
		}
		echo(call)
	}))
	theirs := grpcServer(t)
	prefixed := func(flag byte, length int, message string) string {
		return string([]byte{flag, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}) + message
	}
	one := []string{prefixed(0, 3, "abc")}
	with := func(name, value string) []string {
		f := fields()
		for i := 0; i < len(f); i += 2 {
			if f[i] == name {
				f[i+1] = value
				return f
			}
		}
		return append(f, name, value)
	}
	without := func(name string) (kept []string) {
		for f := fields(); len(f) > 0; f = f[2:] {
			if f[0] != name {
				kept = append(kept, f[0], f[1])
			}
		}
		return kept
	}
	for name, r := range map[string]request{
		"a call":                   {fields: fields(), data: one},
		"another method":           {fields: with(":path", otherPath), data: one},
		"a failure":                {fields: fields(), data: []string{prefixed(0, 4, "fail")}},
		"no message":               {fields: fields(), data: []string{""}},
		"no data":                  {fields: fields()},
		"an empty message":         {fields: fields(), data: []string{prefixed(0, 0, "")}},
		"half a prefix":            {fields: fields(), data: []string{"\x00\x00"}},
		"half a message":           {fields: fields(), data: []string{prefixed(0, 9, "abc")}},
		"two messages":             {fields: fields(), data: []string{prefixed(0, 3, "abc") + prefixed(0, 3, "def")}},
		"two in two frames":        {fields: fields(), data: []string{prefixed(0, 3, "abc"), prefixed(0, 3, "def")}},
		"a message and a half":     {fields: fields(), data: []string{prefixed(0, 3, "abc") + "\x00\x00"}},
		"over the cap":             {fields: fields(), data: []string{prefixed(0, 1<<20+1, "abc")}},
		"far over the cap":         {fields: fields(), data: []string{prefixed(0, -1, "abc")}},
		"compressed, not said":     {fields: fields(), data: []string{prefixed(1, 3, "abc")}},
		"an unknown flag":          {fields: fields(), data: []string{prefixed(7, 3, "abc")}},
		"compressed with gzip":     {fields: with("grpc-encoding", "gzip"), data: []string{prefixed(1, 3, "abc")}},
		"gzip said, not done":      {fields: with("grpc-encoding", "gzip"), data: one},
		"identity":                 {fields: with("grpc-encoding", "identity"), data: one},
		"identity, compressed":     {fields: with("grpc-encoding", "identity"), data: []string{prefixed(1, 3, "abc")}},
		"content type proto":       {fields: with("content-type", "application/grpc+proto"), data: one},
		"content type, parameter":  {fields: with("content-type", "application/grpc;charset=utf-8"), data: one},
		"content type of the web":  {fields: with("content-type", "application/grpc-web"), data: one},
		"another content type":     {fields: with("content-type", "application/json"), data: one},
		"no content type":          {fields: without("content-type"), data: one},
		"no te":                    {fields: without("te"), data: one},
		"GET":                      {fields: with(":method", "GET")},
		"PUT":                      {fields: with(":method", "PUT"), data: one},
		"no authority":             {fields: without(":authority"), data: one},
		"host for authority":       {fields: append(without(":authority"), "host", "a"), data: one},
		"two hosts":                {fields: append(fields(), "host", "a", "host", "b"), data: one},
		"a timeout":                {fields: with("grpc-timeout", "5S"), data: one},
		"metadata":                 {fields: append(fields(), "x-a", "b", "x-a", "c", "x-bin", "AAAA"), data: one},
		"a message in many frames": {fields: fields(), data: strings.Split(prefixed(0, 3, "abc"), "")},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := r.from(speak(t, ours.address)), r.from(speak(t, theirs))
			if got != want {
				t.Errorf("ours %s\ngrpc %s", got, want)
			}
		})
	}
}
