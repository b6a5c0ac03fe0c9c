package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

func newPlace(flag, what, text string) (place, error) {
	address, err := netip.ParseAddrPort(text)
	if err != nil || !address.Addr().IsLoopback() {
		return place{}, fmt.Errorf("%s %q: not an address of this machine; give one such as 127.0.0.1:10001", flag, text)
	}
	return place{flag: flag, what: what, address: address}, nil
}

// free answers an error when somebody else listens there.
func (p place) free(ctx context.Context) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", p.address.String())
	if err != nil {
		return fmt.Errorf("port %d (%s) is taken: %w; end the program that uses it, or choose another: make demo ARGS=\"%s 127.0.0.1:0\"",
			p.address.Port(), p.what, err, p.flag)
	}
	return listener.Close()
}
