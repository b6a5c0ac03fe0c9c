package e2e_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/management/client"
	"credence/test/harness"
)

// beforeRouter puts an HTTP filter behind ext_authz and the others.
func beforeRouter(c *harness.Config, filter map[string]any) error {
	return insertFilter(c, "envoy.filters.http.router", filter)
}

// insertFilter puts an HTTP filter before the one of that name.
func insertFilter(c *harness.Config, next string, filter map[string]any) error {
	value, err := c.Get(harness.HCMPlace + "/http_filters")
	if err != nil {
		return err
	}
	filters, ok := value.([]any)
	if !ok {
		return errors.New("http_filters is no list")
	}
	at := slices.IndexFunc(filters, func(f any) bool {
		fields, ok := f.(map[string]any)
		return ok && fields["name"] == next
	})
	if at < 0 {
		return errors.New("no filter " + next)
	}
	return c.Set(harness.HCMPlace+"/http_filters", slices.Insert(slices.Clone(filters), at, any(filter)))
}

// localLimit is Envoy's own rate limit: each of the values of one field of our
// metadata has a bucket of its own, with that many tokens.
func localLimit(field string, buckets map[string]int) func(*harness.Config) error {
	return func(c *harness.Config) error {
		always := map[string]any{"default_value": map[string]any{"numerator": 100}}
		var descriptors []any
		for value, tokens := range buckets {
			descriptors = append(descriptors, map[string]any{
				"entries":      []any{map[string]any{"key": field, "value": value}},
				"token_bucket": map[string]any{"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "3600s"},
			})
		}
		if err := beforeRouter(c, map[string]any{
			"name": "envoy.filters.http.local_ratelimit",
			"typed_config": map[string]any{
				"@type":          "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
				"stat_prefix":    "local",
				"token_bucket":   map[string]any{"max_tokens": 100000, "tokens_per_fill": 100000, "fill_interval": "1s"},
				"filter_enabled": always, "filter_enforced": always, "descriptors": descriptors,
			},
		}); err != nil {
			return err
		}
		action := map[string]any{"metadata": map[string]any{
			"descriptor_key": field, "source": "DYNAMIC",
			"metadata_key": map[string]any{
				"key":  "envoy.filters.http.ext_authz",
				"path": []any{map[string]any{"key": "credence"}, map[string]any{"key": field}},
			},
		}}
		return c.Add(harness.RoutesPlace+"/everything/route/rate_limits", []any{map[string]any{"actions": []any{action}}})
	}
}

// What we say of a key can drive Envoy's own limits: the value is a string,
// as Envoy wants it.
func TestMetadataFeedsTheDescriptorsOfEnvoysOwnRateLimit(t *testing.T) {
	t.Parallel()
	small, large := unique("small"), unique("large")
	for _, plan := range []string{small, large} {
		if _, err := shared.api.PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: plan}}); err != nil {
			t.Fatal(err)
		}
	}
	onPlan := func(plan string) key { return shared.newKey(t, func(in *client.KeyCreate) { in.Plan = plan }) }
	one, other, free := onPlan(small), onPlan(small), onPlan(large)
	named, unnamed := shared.newKey(t, nil), shared.newKey(t, nil)

	statuses := func(d *deployment, keys ...key) []int {
		var got []int
		for _, k := range keys {
			r := d.get(t, "/described", k.header())
			if got = append(got, r.status); r.status == 429 && r.body != "local_rate_limited" {
				t.Errorf("429 with %q: not Envoy's own", r.body)
			}
		}
		return got
	}
	byPlan := gateway(t, localLimit("plan", map[string]int{small: 2}))
	if got, want := statuses(byPlan, one, other, one, free, free, free, named), []int{200, 200, 429, 200, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("by plan: %v, want %v", got, want)
	}
	byKey := gateway(t, localLimit("key_id", map[string]int{named.id: 1}))
	if got, want := statuses(byKey, named, named, unnamed, unnamed, one), []int{200, 429, 200, 200, 200}; !slices.Equal(got, want) {
		t.Errorf("by key: %v, want %v", got, want)
	}
}

// Each reason as it stands in the metadata of the filter, on allow and deny
// alike; of the key only what is public.
func TestTheMetadataOfEachDenialReachesTheAccessLog(t *testing.T) {
	t.Parallel()
	d := gateway(t, func(c *harness.Config) error {
		if err := c.Add(harness.HCMPlace+"/access_log/envoy.access_loggers.file/typed_config/log_format/json_format/metadata",
			"%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%"); err != nil {
			return err
		}
		return c.Prepend(harness.RoutesPlace, route("/badpolicy", map[string]any{"credence.scope": "x"}))
	})
	owner, plan := unique("team"), unique("plan")
	if _, err := shared.api.OwnerCreate(t.Context(), client.OwnerCreateInput{Body: client.OwnerCreate{Name: owner}}); err != nil {
		t.Fatal(err)
	}
	if _, err := shared.api.PlanCreate(t.Context(), client.PlanCreateInput{Body: client.PlanCreate{Name: plan}}); err != nil {
		t.Fatal(err)
	}
	made := func(change func(*client.KeyCreate)) key {
		return shared.newKey(t, func(in *client.KeyCreate) {
			if in.Owner, in.Plan = owner, plan; change != nil {
				change(in)
			}
		})
	}
	good, spent := made(nil), made(limited(1))
	far := made(func(in *client.KeyCreate) { in.Networks = []string{"192.0.2.0/24"} })
	reader := made(func(in *client.KeyCreate) { in.Methods = []string{"POST"} })
	d.get(t, "/spend", spent.header()).wantStatus(t, 200)
	of := func(k key, more ...string) map[string]string {
		m := map[string]string{"key_id": k.id, "owner": owner, "plan": plan, "namespace": "default", "key_type": "service"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		path    string
		headers [][2]string
		status  float64
		want    map[string]string
	}{
		"allowed":               {"/m", [][2]string{good.header()}, 200, of(good)},
		"missing_key":           {"/m", nil, 401, map[string]string{}},
		"ambiguous_key":         {"/m", [][2]string{good.header(), good.header()}, 400, map[string]string{}},
		"malformed_key":         {"/m", [][2]string{{"x-api-key", "nonsense"}}, 401, map[string]string{}},
		"rate_limited":          {"/m", [][2]string{spent.header()}, 429, of(spent)},
		"network_not_allowed":   {"/m", [][2]string{far.header()}, 403, of(far)},
		"route_not_allowed":     {"/m", [][2]string{reader.header()}, 403, of(reader)},
		"scope_missing":         {"/orders", [][2]string{good.header()}, 403, of(good)},
		"namespace_not_allowed": {"/partners", [][2]string{good.header()}, 403, of(good)},
		"bad_route_policy":      {"/badpolicy", [][2]string{good.header()}, 503, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			path := c.path + unique("/log")
			d.get(t, path, c.headers...)
			entry := wantLogged(t, d, path, map[string]any{"status": c.status, "reason": name})
			top, _ := entry["metadata"].(map[string]any)
			said, _ := top["credence"].(map[string]any)
			c.want["reason"], c.want["mode"], c.want["client"] = name, "enforce", "127.0.0.1"
			c.want["decision"] = "deny"
			switch name {
			case "allowed":
				c.want["decision"] = "allow"
			case "bad_route_policy": // read before anything else, the address included
				delete(c.want, "client")
			}
			got := map[string]string{}
			for _, field := range []string{
				"decision", "reason", "mode", "client", "key_id", "owner", "plan", "namespace", "key_type",
			} {
				if text, ok := said[field].(string); ok {
					got[field] = text
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			// Envoy adds the time of the Check to an allow only.
			if _, timed := top["ext_authz_duration"]; timed != (name == "allowed") {
				t.Errorf("ext_authz_duration present: %t", timed)
			}
		})
	}
}

// merged has policy at each level that Envoy merges.
func merged(c *harness.Config) error {
	const level = "typed_per_filter_config"
	// As a route says it, for other levels.
	says := func(extensions map[string]any) any { return route("/x", extensions)[level] }
	if err := c.Add(strings.TrimSuffix(harness.RoutesPlace, "/routes")+"/"+level,
		says(map[string]any{"credence.scopes": "orders:read", "credence.cost": "10"})); err != nil {
		return err
	}
	weighted := route("/merge/weighted", map[string]any{"credence.scopes": "orders:write", "credence.cost": "2"})
	weighted["route"] = map[string]any{"weighted_clusters": map[string]any{"clusters": []any{map[string]any{
		"name": "upstream", "weight": 1, level: says(map[string]any{"credence.scopes": "orders:admin"}),
	}}}}
	if err := c.Prepend(harness.RoutesPlace, weighted); err != nil {
		return err
	}
	return c.Prepend(harness.RoutesPlace, route("/merge/route", map[string]any{"credence.cost": "1"}))
}

// Context extensions merge word by word over virtual host, route and weighted
// cluster; of one word the most specific level wins.
func TestTheMostSpecificLevelDecidesWhatARouteDemands(t *testing.T) {
	t.Parallel()
	d := gateway(t, merged)
	scoped := func(scope string) key {
		return shared.newKey(t, func(in *client.KeyCreate) {
			limited(100)(in)
			in.Scopes = []string{scope}
		})
	}
	reader, writer, admin := scoped("orders:read"), scoped("orders:write"), scoped("orders:admin")
	for _, c := range []struct {
		path   string
		key    key
		status int
		left   string // of the limit of 100, after this request
	}{
		{"/merge/host", reader, 200, "r=90"},  // the virtual host's cost
		{"/merge/route", reader, 200, "r=89"}, // the route's cost, the virtual host's scope
		{"/merge/host", writer, 403, ""},
		{"/merge/route", writer, 403, ""},
		{"/merge/weighted", reader, 403, ""},
		{"/merge/weighted", writer, 403, ""},      // the route's scope is overridden
		{"/merge/weighted", admin, 200, "r=98"},   // the cluster's scope, the route's cost
		{"/orders/weighted", reader, 200, "r=79"}, // a shipped route beside them
	} {
		r := d.get(t, c.path, c.key.header())
		if r.status != c.status {
			t.Errorf("%s: status %d, want %d", c.path, r.status, c.status)
		}
		if got := r.header.Get("ratelimit"); c.left != "" && !strings.Contains(got, ";"+c.left+";") {
			t.Errorf("%s: RateLimit %q, want %s", c.path, got, c.left)
		}
	}
}
