package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"credence/extauthz/probe"
)

// maxAddresses bounds how many addresses of one name are examined.
const maxAddresses = 16

// Options say what is examined, and how.
type Options struct {
	Target   probe.Target
	Statuses []string      // host:port of status ports; none is fine
	Request  probe.Request // the Check that is made; with a key it must be allowed
	Timeout  time.Duration // longest wait at each step
	Resolver *net.Resolver
	Now      func() time.Time
}

// examination is one run.
type examination struct {
	Options
	host, port string // "" for a socket file
	report     *Report
}

// Examine walks the path of a Check and reports what it found. It ends with
// ctx, and takes no longer than Timeout for each step at each address.
func Examine(ctx context.Context, o Options) *Report {
	e := &examination{Options: o, report: &Report{Target: o.Target.Address, Healthy: true}}
	e.statuses(ctx) // before our own Checks are counted
	for _, address := range e.resolve(ctx) {
		e.walk(ctx, address)
	}
	return e.report
}

// found adds a finding about an address.
func (e *examination) found(address string, f Finding) {
	f.Address = address
	e.report.add(f)
}

// resolve finds the addresses of the target: those of its name, or itself.
func (e *examination) resolve(ctx context.Context) []string {
	if strings.HasPrefix(e.Target.Address, "unix:") {
		return []string{e.Target.Address}
	}
	host, port, err := net.SplitHostPort(e.Target.Address)
	if err != nil { // the command has looked
		e.found(e.Target.Address, Finding{Step: "dns", Level: Problem, Code: "bad_address", Observed: err.Error(), Remedy: "Write it as HOST:PORT."})
		return nil
	}
	e.host, e.port = host, port
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{e.Target.Address}
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	found, err := e.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		e.found(host, unresolved(host, err))
		return nil
	}
	addresses, names := e.endpoints(found)
	e.found(host, Finding{Step: "dns", Level: OK, Code: "resolved", Observed: fmt.Sprintf("%s: %s", countOf(len(names), "address", "addresses"), few(names))})
	return addresses
}

// endpoints are the addresses with the port, sorted, and the addresses alone.
func (e *examination) endpoints(found []netip.Addr) (endpoints, names []string) {
	for i := range found {
		found[i] = found[i].Unmap()
	}
	slices.SortFunc(found, netip.Addr.Compare)
	for _, one := range slices.Compact(found) {
		names = append(names, one.String())
		if len(endpoints) < maxAddresses {
			endpoints = append(endpoints, net.JoinHostPort(one.String(), e.port))
		}
	}
	return endpoints, names
}

func unresolved(host string, err error) Finding {
	f := Finding{
		Step: "dns", Level: Problem, Code: "dns_failed", Observed: err.Error(),
		Why:    "An Envoy that cannot resolve the name has no host in the cluster and answers every request with its status_on_error.",
		Remedy: "See whether the name server can be reached from where Envoy runs.",
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		f.Code, f.Observed = "dns_no_such_host", "there is no "+host
		f.Remedy = "Correct the name. In Kubernetes it is SERVICE.NAMESPACE.svc, and a headless Service has addresses only while a pod is ready."
	}
	return f
}

// walk takes the steps at one address until one fails.
func (e *examination) walk(ctx context.Context, address string) {
	for _, step := range []func(context.Context, string) Finding{e.connect, e.transport, e.health, e.check} {
		within, cancel := context.WithTimeout(ctx, e.Timeout)
		f := step(within, address)
		cancel()
		e.found(address, f)
		if f.Level == Problem {
			return
		}
	}
}

// dial opens a bare connection that ends with ctx.
func dial(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(until)
	}
	return conn, err
}

// connect asks whether anybody listens there.
func (e *examination) connect(ctx context.Context, address string) Finding {
	conn, err := dial(ctx, address)
	if err == nil {
		_ = conn.Close() // nothing was sent
		return Finding{Step: "connect", Level: OK, Code: "connected", Observed: "somebody listens"}
	}
	f := Finding{
		Step: "connect", Level: Problem, Code: "unreachable", Observed: err.Error(),
		Why:    "Envoy counts the host as failed and, without another one, answers its status_on_error.",
		Remedy: "See whether this is the address of the process, and whether a route leads there.",
	}
	timeout, _ := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		f.Code, f.Observed = "connection_refused", "the host is there, and nobody listens on the port"
		f.Remedy = "Start the process, or correct the port: it stands in the log line \"serving\" and in addresses.json. " +
			"A process that listens on 127.0.0.1 is not reached from other hosts: see --check-addr."
	case errors.Is(err, syscall.ENOENT):
		f.Code, f.Observed = "no_socket", "there is no such socket file"
		f.Remedy = "Start the process with this --check-addr; a container must mount the folder of the socket."
	case timeout != nil && timeout.Timeout():
		f.Code, f.Observed = "connect_timeout", fmt.Sprintf("no answer within %s", e.Timeout)
		f.Remedy = "Something drops the packets: look at firewalls, security groups and NetworkPolicies, and whether the host is up."
	}
	return f
}

// at is the target at one of its addresses.
func (e *examination) at(address string) probe.Target {
	t := e.Target
	t.Address = address
	if t.TLS != nil {
		t.TLS = e.config()
	}
	return t
}

// config is the target's TLS with the name that was asked for, which is not in
// the address any more, and the clock of this run.
func (e *examination) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.Target.TLS != nil {
		c = e.Target.TLS.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = e.host
	}
	c.NextProtos, c.Time = []string{"h2"}, e.Now
	return c
}
