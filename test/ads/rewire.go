package ads

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Wiring says where the parts of a test are.
type Wiring struct {
	Hosts     map[string]netip.AddrPort // by cluster
	AccessLog string                    // file
	Timeout   time.Duration             // of Checks and new connections; 0 leaves what stands there
}

// Rewire puts the addresses of a test in: every listener gets a free port of
// loopback, every cluster its one host, every access log that goes into a file
// that file. What waits may wait longer than in a gateway, because a slow
// machine is not what tests look for. A cluster for which no host is given is
// an error, so a test cannot let Envoy talk to somebody else.
func (r *Resources) Rewire(w Wiring) error {
	for _, l := range r.Listeners {
		l.Address = socket(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0))
		err := ChangeHCM(l, func(hcm *hcmv3.HttpConnectionManager) error {
			return errors.Join(logTo(hcm, w.AccessLog), wait(hcm, w.Timeout))
		})
		if err != nil {
			return fmt.Errorf("rewire listener %s: %w", l.GetName(), err)
		}
	}
	for _, c := range r.Clusters {
		if w.Timeout != 0 {
			c.ConnectTimeout = durationpb.New(w.Timeout)
		}
	}
	for _, e := range r.Endpoints {
		host, ok := w.Hosts[e.GetClusterName()]
		if !ok {
			return fmt.Errorf("rewire: no host for cluster %s", e.GetClusterName())
		}
		if err := rehost(e, host); err != nil {
			return err
		}
	}
	return nil
}

// ChangeHCM changes every HTTP connection manager of the listener; one without
// any is an error.
func ChangeHCM(l *listenerv3.Listener, change func(*hcmv3.HttpConnectionManager) error) error {
	chains := l.GetFilterChains()
	if l.GetDefaultFilterChain() != nil {
		chains = append(slices.Clip(chains), l.GetDefaultFilterChain())
	}
	changed := false
	for _, chain := range chains {
		for _, filter := range chain.GetFilters() {
			config := filter.GetTypedConfig()
			if !config.MessageIs(&hcmv3.HttpConnectionManager{}) {
				continue
			}
			if err := Repack(config, &hcmv3.HttpConnectionManager{}, change); err != nil {
				return err
			}
			changed = true
		}
	}
	if !changed {
		return fmt.Errorf("listener %s speaks no HTTP", l.GetName())
	}
	return nil
}

// Repack unpacks what is packed, lets change alter it, and packs it again.
func Repack[M proto.Message](packed *anypb.Any, into M, change func(M) error) error {
	if err := packed.UnmarshalTo(into); err != nil {
		return err
	}
	if err := change(into); err != nil {
		return err
	}
	// With the order of maps left to chance, equal messages differ now and then.
	return anypb.MarshalFrom(packed, into, proto.MarshalOptions{Deterministic: true})
}

func logTo(hcm *hcmv3.HttpConnectionManager, file string) error {
	for _, log := range hcm.GetAccessLog() {
		if !log.GetTypedConfig().MessageIs(&filev3.FileAccessLog{}) {
			continue
		}
		err := Repack(log.GetTypedConfig(), &filev3.FileAccessLog{}, func(l *filev3.FileAccessLog) error {
			l.Path = file
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wait sets how long every ext_authz filter waits for an answer.
func wait(hcm *hcmv3.HttpConnectionManager, timeout time.Duration) error {
	for _, filter := range hcm.GetHttpFilters() {
		if timeout == 0 || !filter.GetTypedConfig().MessageIs(&extauthzv3.ExtAuthz{}) {
			continue
		}
		err := Repack(filter.GetTypedConfig(), &extauthzv3.ExtAuthz{}, func(e *extauthzv3.ExtAuthz) error {
			e.GetGrpcService().Timeout = durationpb.New(timeout)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// rehost moves the one host that shipped resources name.
func rehost(e *endpointv3.ClusterLoadAssignment, host netip.AddrPort) error {
	moved := 0
	for _, locality := range e.GetEndpoints() {
		for _, endpoint := range locality.GetLbEndpoints() {
			endpoint.GetEndpoint().Address = socket(host)
			moved++
		}
	}
	if moved != 1 {
		return fmt.Errorf("rewire: cluster %s has %d hosts, want one", e.GetClusterName(), moved)
	}
	return nil
}

func socket(at netip.AddrPort) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: at.Addr().String(), PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(at.Port())},
	}}}
}
