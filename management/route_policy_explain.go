package management

import (
	"context"
	"strconv"

	"credence/store"
	"credence/store/route"
)

// RoutePolicyExplain is the input of [Service.RoutePolicyExplain]: a request as
// it stands on the wire, on a route of which the proxy says nothing itself.
type RoutePolicyExplain struct {
	Host   string
	Path   string
	Method string // "" means GET
}

// RoutePolicyExplained says which policy such a request gets.
type RoutePolicyExplained struct {
	Verdict route.Verdict
	Policy  store.RoutePolicy // only of route.Found
	Rule    route.Rule        // by which; of route.Unclear, the one it may be meant for
	Why     string            // what is unclear
}

// maxTarget bounds the request that is explained.
const maxTarget = 8192

// RoutePolicyExplain says which stored policy a request gets by its host, path
// and method, as the data plane would decide now. Only global actors may ask.
func (s *Service) RoutePolicyExplain(ctx context.Context, a Actor, in RoutePolicyExplain) (RoutePolicyExplained, error) {
	const what = "explain route policies"
	if !a.Global() {
		return RoutePolicyExplained{}, refuse(CodeForbidden, "route policies: only a token that is not limited to namespaces may ask")
	}
	in.Method = orDefault(in.Method, "GET")
	p := &problems{}
	for _, part := range []struct{ field, value string }{{"host", in.Host}, {"path", in.Path}, {"method", in.Method}} {
		switch {
		case part.value == "":
			p.add(part.field, "is missing", "give it as it stands in the request")
		case len(part.value) > maxTarget:
			p.add(part.field, "is "+strconv.Itoa(len(part.value))+" characters long", "at most "+strconv.Itoa(maxTarget)+" are looked at")
		}
	}
	if err := p.err(what); err != nil {
		return RoutePolicyExplained{}, err
	}
	all, err := allRoutePolicies(ctx, s.store)
	if err != nil {
		return RoutePolicyExplained{}, failed(what, err)
	}
	table, err := route.New(choosers(all))
	if err != nil {
		return RoutePolicyExplained{}, failed(what, err)
	}
	m := table.Match([]byte(in.Host), []byte(in.Path), []byte(in.Method))
	out := RoutePolicyExplained{Verdict: m.Verdict, Rule: m.Rule, Why: m.Explain()}
	if m.Verdict == route.Found {
		out.Policy = all[m.Policy]
	}
	return out, nil
}

func choosers(all []store.RoutePolicy) []route.Chooser {
	out := make([]route.Chooser, 0, len(all))
	for i := range all {
		out = append(out, chooser(&all[i]))
	}
	return out
}

func chooser(p *store.RoutePolicy) route.Chooser {
	return route.Chooser{Name: p.Name, Hosts: p.Hosts, Paths: p.Paths, Methods: p.Methods}
}
