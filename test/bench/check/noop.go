package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
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

// serveNoop is a server process. It prints the address that it listens on, and
// that of its metrics.
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
	metrics, stop, err := serveStatus(ctx)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(os.Stdout, l.Addr(), metrics)
	if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// serveStatus answers /metrics with what Go's runtime counts, as ours does.
func serveStatus(ctx context.Context) (address string, stop func(), err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = s.Serve(l) }() // ends with the process
	return l.Addr().String(), func() { _ = s.Close() }, nil
}
