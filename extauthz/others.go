package extauthz

import (
	"context"
	"fmt"
	"io"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"credence/extauthz/unary"
)

// others answers what is not a Check over the native transport, by the
// descriptions of services that grpc-go's generated code has. Calls send one
// message; the answer may be several.
type others struct {
	server   *Server
	services map[string]service
}

type service struct {
	methods map[string]func(*unary.Call) error
}

func newOthers(s *Server) *others { return &others{server: s, services: map[string]service{}} }

// add takes a service and who fulfils it.
func (o *others) add(d *grpc.ServiceDesc, by any) {
	methods := map[string]func(*unary.Call) error{}
	for _, m := range d.Methods {
		methods[m.MethodName] = func(call *unary.Call) error {
			reply, err := m.Handler(by, call, func(to any) error { return receive(call, to) }, nil)
			if err == nil {
				err = transmit(call.Send, reply)
			}
			return err
		}
	}
	for _, m := range d.Streams {
		methods[m.StreamName] = func(call *unary.Call) error { return m.Handler(by, &otherStream{call: call}) }
	}
	o.services[d.ServiceName] = service{methods}
}

// answer answers one call, on a goroutine of its own.
func (o *others) answer(call *unary.Call) {
	err := o.run(call)
	if err == nil {
		call.End()
		return
	}
	fail(call, err)
}

func (o *others) run(call *unary.Call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = o.server.panicked(call, p)
		}
	}()
	method, err := o.find(call.Method())
	if err != nil {
		return err
	}
	return method(call)
}

// find answers a method by its path. The texts are grpc-go's.
func (o *others) find(path string) (func(*unary.Call) error, error) {
	name, rooted := strings.CutPrefix(path, "/")
	slash := strings.LastIndexByte(name, '/')
	if !rooted || slash < 0 {
		return nil, status.Errorf(codes.Unimplemented, "malformed method name: %q", path)
	}
	known, ok := o.services[name[:slash]]
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "unknown service %s", name[:slash])
	}
	method, ok := known.methods[name[slash+1:]]
	if !ok {
		return nil, status.Errorf(codes.Unimplemented, "unknown method %s for service %s", name[slash+1:], name[:slash])
	}
	return method, nil
}

// receive decodes the message of the call.
func receive(call *unary.Call, to any) error {
	b, err := call.Message()
	if err != nil {
		return err
	}
	m, ok := to.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "message is %T", to)
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return status.Error(codes.Internal, "grpc: error unmarshalling request")
	}
	return nil
}

// transmit encodes a message of the answer.
func transmit(send func([]byte) error, from any) error {
	m, ok := from.(proto.Message)
	if !ok {
		return status.Errorf(codes.Internal, "message is %T", from)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return send(b)
}

// otherStream is a call as generated code wants it.
type otherStream struct {
	call *unary.Call
	read bool
}

// SetHeader is nothing that our services do.
func (*otherStream) SetHeader(metadata.MD) error { return errNoMetadata }

// SendHeader is nothing that our services do.
func (*otherStream) SendHeader(metadata.MD) error { return errNoMetadata }

// SetTrailer is nothing that our services do.
func (*otherStream) SetTrailer(metadata.MD) {}

var errNoMetadata = status.Error(codes.Unimplemented, "answers carry no metadata")

// Context is that of the call.
func (o *otherStream) Context() context.Context { return o.call }

// SendMsg sends one message.
func (o *otherStream) SendMsg(m any) error { return transmit(o.call.Send, m) }

// RecvMsg reads the one message, and then the end.
func (o *otherStream) RecvMsg(m any) error {
	if o.read {
		return io.EOF
	}
	o.read = true
	return receive(o.call, m)
}
