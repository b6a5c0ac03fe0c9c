package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
)

// noop is the least that a server with generated types can do.
type noop struct {
	authv3.UnimplementedAuthorizationServer
}

func (noop) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{Status: &status.Status{}}, nil
}

// serveNoop is a server process. It prints the address that it listens on.
func serveNoop(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("noop", flag.ContinueOnError)
	tuned := f.Bool("tuned", false, "windows and stream workers as ours; GOGC comes from the environment")
	if err := f.Parse(args); err != nil {
		return err
	}
	var options []grpc.ServerOption
	if *tuned {
		options = append(options, grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(1<<20), grpc.NumStreamWorkers(64))
	}
	s := grpc.NewServer(options...)
	authv3.RegisterAuthorizationServer(s, noop{})
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, s.Stop)()
	fmt.Fprintln(os.Stdout, l.Addr())
	if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
