package gateways

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"credence/test/ads"
	"credence/test/harness"
)

// load is requests with one key, one after the other from each of several
// clients that keep their connections, until it is ended.
type load struct {
	clients sync.WaitGroup
	stop    chan struct{}
	once    sync.Once

	mu       sync.Mutex
	statuses map[int]int
	failure  error
}

func (d *deployment) load(k key) *load {
	l := &load{stop: make(chan struct{}), statuses: map[int]int{}}
	for range 4 {
		l.clients.Go(func() { l.client(d, k) })
	}
	d.t.Cleanup(l.end)
	return l
}

// client sends a request every few milliseconds; the first failure ends it.
func (l *load) client(d *deployment, k key) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: harness.Patience}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		status, err := ask(d, client, k)
		l.mu.Lock()
		l.statuses[status]++
		l.failure = errors.Join(l.failure, err)
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func ask(d *deployment, client *http.Client, k key) (int, error) {
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, "http://"+d.envoy.Address+"/load", http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("x-api-key", k.text)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// end stops the clients; it can be called again.
func (l *load) end() {
	l.once.Do(func() { close(l.stop) })
	l.clients.Wait()
}

// soFar answers a copy of the statuses.
func (l *load) soFar() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.statuses)
}

// more waits until the clients have got so many more answers.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	before := l.soFar()[http.StatusOK]
	until(t, "requests under load", func() error {
		if got := l.soFar(); got[http.StatusOK] < before+n {
			return fmt.Errorf("answers by status: %v", got)
		}
		return nil
	})
}

func until(t *testing.T, what string, check func() error) {
	t.Helper()
	if err := harness.Until(t.Context(), harness.Patience, what, check); err != nil {
		t.Fatal(err)
	}
}

// Every kind of update that an xDS server sends to a running gateway, while
// requests flow: none of them fails, none is let through unasked.
func TestUpdatesOverXDSCostNoRequest(t *testing.T) {
	d := deploy(t, xds())
	l := d.load(d.newKey(t))
	l.more(t, 100)

	moved := startEcho(t)
	updateClusters(t, d, moved)
	l.more(t, 100)
	updateRoutes(t, d)
	l.more(t, 100)
	updateWayToCredence(t, d)
	l.more(t, 100)

	l.end()
	if got := l.soFar(); l.failure != nil || len(got) != 1 {
		t.Errorf("clients got %v (by status), error %v; want 200 only", got, l.failure)
	}
	counters, err := d.envoy.ExtAuthz(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Each request that reached an upstream was checked, in any configuration;
	// one more was answered by the added page.
	if reached := d.echo.Requests() + moved.Requests() + 1; counters["error"] != 0 || counters["ok"] != reached {
		t.Errorf("%d Checks failed, %d allowed, %d requests reached an upstream or the page", counters["error"], counters["ok"], reached)
	}
	if err := d.xds.Refused(); err != nil {
		t.Error(err)
	}
	d.wantStatus(t, http.StatusUnauthorized, "/load")
}

// updateClusters changes the way to the upstream, so that Envoy makes the
// cluster anew, and moves the upstream to another host.
func updateClusters(t *testing.T, d *deployment, moved *harness.Echo) {
	t.Helper()
	const modified = "cluster_manager.cluster_modified"
	before := d.stat(t, modified)
	d.cluster(t, "upstream").ConnectTimeout = durationpb.New(2 * harness.Patience)
	for _, e := range d.rewired.Endpoints {
		if e.GetClusterName() == "upstream" {
			e.GetEndpoints()[0].GetLbEndpoints()[0].GetEndpoint().GetAddress().GetSocketAddress().
				PortSpecifier = &corev3.SocketAddress_PortValue{PortValue: uint32(moved.Address.Port())}
		}
	}
	d.serve()
	until(t, "the clusters are taken over", func() error {
		if got := d.stat(t, modified); got == before || moved.Requests() == 0 {
			return fmt.Errorf("%d clusters modified, %d requests at the new host", got-before, moved.Requests())
		}
		return nil
	})
}

// updateRoutes adds a page that Envoy answers itself.
func updateRoutes(t *testing.T, d *deployment) {
	t.Helper()
	page := &routev3.Route{
		Name: "added", Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Path{Path: "/added"}},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: http.StatusTeapot}},
	}
	host := d.rewired.Routes[0].GetVirtualHosts()[0]
	host.Routes = append([]*routev3.Route{page}, host.GetRoutes()...)
	d.serve()
	k := d.newKey(t)
	until(t, "the route is taken over", func() error {
		r, err := harness.Visit{To: d.envoy.Address, Path: "/added", Headers: [][2]string{k.header()}}.Make(t.Context())
		if err == nil && r.Status == http.StatusOK {
			return errors.New("not yet")
		}
		if err == nil && r.Status != http.StatusTeapot {
			err = fmt.Errorf("status %d", r.Status)
		}
		return err
	})
}

// updateWayToCredence changes the cluster of Credence as envoy/xds/README.md
// says: the changed one comes beside the old one under a name of its own, then
// the listener names it, and the old one goes when nothing uses it any more.
// Changing it in place would end the Checks that are under way.
func updateWayToCredence(t *testing.T, d *deployment) {
	t.Helper()
	const next = "credence-next"
	changed := proto.CloneOf(d.cluster(t, "credence"))
	changed.Name, changed.ConnectTimeout = next, durationpb.New(2*harness.Patience)
	d.rewired.Clusters = append(d.rewired.Clusters, changed)
	for _, e := range d.rewired.Endpoints {
		if e.GetClusterName() == "credence" {
			same := proto.CloneOf(e)
			same.ClusterName = next
			d.rewired.Endpoints = append(d.rewired.Endpoints, same)
			break
		}
	}
	d.serve()
	if err := d.envoy.AwaitHealthy(t.Context(), next, true); err != nil {
		t.Fatal(err)
	}
	updateListener(t, d, next)
	d.rewired.Clusters = slices.DeleteFunc(d.rewired.Clusters, func(c *clusterv3.Cluster) bool { return c.GetName() == "credence" })
	d.rewired.Endpoints = slices.DeleteFunc(d.rewired.Endpoints, func(e *endpointv3.ClusterLoadAssignment) bool {
		return e.GetClusterName() == "credence"
	})
	d.serve()
	until(t, "the old cluster is gone", func() error {
		if n := d.stat(t, "cluster_manager.cluster_removed"); n == 0 {
			return errors.New("still there")
		}
		return nil
	})
}

// updateListener lets Checks go to another cluster, and Envoy say another name
// of itself. Envoy asks connections of the old listener to go, and ends what
// is left of them.
func updateListener(t *testing.T, d *deployment, checks string) {
	t.Helper()
	err := ads.ChangeHCM(d.rewired.Listeners[0], func(hcm *hcmv3.HttpConnectionManager) error {
		hcm.ServerName = "updated"
		for _, filter := range hcm.GetHttpFilters() {
			if filter.GetName() != "envoy.filters.http.ext_authz" {
				continue
			}
			return ads.Repack(filter.GetTypedConfig(), &extauthzv3.ExtAuthz{}, func(e *extauthzv3.ExtAuthz) error {
				e.GetGrpcService().GetEnvoyGrpc().ClusterName = checks
				return nil
			})
		}
		return errors.New("nothing asks Credence")
	})
	if err != nil {
		t.Fatal(err)
	}
	d.serve()
	until(t, "the listener is taken over", func() error {
		r, err := harness.Visit{To: d.envoy.Address, Path: "/listener"}.Make(t.Context())
		if err == nil && r.Header.Get("server") != "updated" {
			err = errors.New("not yet")
		}
		return err
	})
	until(t, "the old listener is gone", func() error {
		if n := d.stat(t, "listener_manager.total_filter_chains_draining"); n != 0 {
			return fmt.Errorf("%d filter chains drain", n)
		}
		return nil
	})
}

// cluster finds a cluster to be changed.
func (d *deployment) cluster(t *testing.T, name string) *clusterv3.Cluster {
	t.Helper()
	for _, c := range d.rewired.Clusters {
		if c.GetName() == name {
			return c
		}
	}
	t.Fatalf("no cluster %s", name)
	return nil
}

func (d *deployment) stat(t *testing.T, name string) int64 {
	t.Helper()
	stats, err := d.envoy.Stats(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stats[name]
}
