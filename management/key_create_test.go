package management_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
	"credence/store/credential"
	"credence/store/limit"
)

func TestKeyCreateStoresWhatWasAskedFor(t *testing.T) {
	f := newFixture(t)
	f.plan("a", "basic")
	f.owner("a", "team-1")
	made, err := f.KeyCreate(t.Context(), onlyA, management.KeyCreate{
		Name: "Bücher, Lager 7", Namespace: "a", Owner: "team-1", KeyType: "integration", Plan: "basic", Environment: "test",
		Scopes: []string{"orders:read", "orders:*"}, Limits: []management.LimitInput{{Name: "fast", Limit: 10, Period: "1s", Burst: 20}},
		Quotas:   []management.QuotaInput{{Name: "daily", Limit: 1000, Period: "day"}},
		Networks: []string{"203.0.113.0/24", "2001:db8::1", "198.51.100.7", "::ffff:192.0.2.0/120"},
		Hosts:    []string{"API.example.com", "*.example.org"}, Methods: []string{"GET", "POST"}, Paths: []string{"/orders", "/orders/*"},
		Labels: map[string]string{"team": "payments"}, NotBefore: start.Add(time.Hour), ExpiresIn: "720h",
	})
	must(t, err)

	want := store.Key{
		KeyID: made.Key.KeyID, Namespace: "a", Name: "Bücher, Lager 7", Owner: "team-1", KeyType: store.KeyTypeIntegration,
		Status: store.StatusActive, Environment: "test", Plan: "basic", Scopes: []string{"orders:read", "orders:*"},
		Limits: []limit.Limit{{Name: "fast", Limit: 10, Period: time.Second, Burst: 20}},
		Quotas: []limit.Quota{{Name: "daily", Limit: 1000, Period: limit.QuotaDay}},
		Networks: []netip.Prefix{
			netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128"),
			netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("192.0.2.0/24"),
		},
		Hosts: []string{"api.example.com", "*.example.org"}, Methods: []string{"GET", "POST"}, Paths: []string{"/orders", "/orders/*"},
		Labels: map[string]string{"team": "payments"}, NotBefore: start.Add(time.Hour), ExpiresAt: start.Add(720 * time.Hour),
		Hash: made.Key.Hash, ChecksumID: made.Key.ChecksumID, CreatedAt: start, UpdatedAt: start, StatusAt: start, Version: 1,
	}
	stored, err := f.store.Key(t.Context(), made.Key.KeyID)
	must(t, err)
	for _, got := range []store.Key{made.Key, stored} {
		if diff := cmp.Diff(want, got, addresses()); diff != "" {
			t.Error(diff)
		}
	}
	if made.Replayed || made.Position.Revision == 0 {
		t.Errorf("got replayed %v, position %v", made.Replayed, made.Position)
	}
}

func TestTheTextOfANewKeyFindsIt(t *testing.T) {
	f := newFixture(t)
	made := f.key(management.KeyCreate{Environment: "test"})
	text := made.Text.Reveal()
	if !strings.HasPrefix(text, "crd_test_") || !f.secrets.Minted([]byte(text)) {
		t.Error("the text is not one that was minted here")
	}
	found, err := f.store.FindKey(t.Context(), f.secrets.Candidates(made.Text.Digest(), nil))
	must(t, err)
	if found.KeyID != made.Key.KeyID || !f.secrets.Matches(made.Text.Digest(), found.Hash) {
		t.Errorf("found key %s, want %s", found.KeyID, made.Key.KeyID)
	}
}

func TestKeyCreateFillsInDefaults(t *testing.T) {
	f := newFixture(t)
	k := f.key(management.KeyCreate{Name: "x"}).Key
	if k.Namespace != "default" || k.KeyType != store.KeyTypeService || k.Environment != "live" || !k.ExpiresAt.IsZero() {
		t.Errorf("got %+v", k)
	}
	_, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "c", KeyPrefix: "acme", Environment: "prod"})
	must(t, err)
	made := f.key(management.KeyCreate{Namespace: "c"})
	if !strings.HasPrefix(made.Text.Reveal(), "acme_prod_") || made.Key.Environment != "prod" {
		t.Errorf("environment %q, or the text has another prefix than the namespace's", made.Key.Environment)
	}
}

func many(n int, one func(i int) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = one(i)
	}
	return out
}

func TestKeyCreateNamesTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	f.plan("b", "elsewhere")
	f.owner("b", "elsewhere")
	list := func(set func(in *management.KeyCreate, v []string)) func(v ...string) func(*management.KeyCreate) {
		return func(v ...string) func(*management.KeyCreate) {
			return func(in *management.KeyCreate) { set(in, v) }
		}
	}
	scopes := list(func(in *management.KeyCreate, v []string) { in.Scopes = v })
	networks := list(func(in *management.KeyCreate, v []string) { in.Networks = v })
	hosts := list(func(in *management.KeyCreate, v []string) { in.Hosts = v })
	methods := list(func(in *management.KeyCreate, v []string) { in.Methods = v })
	paths := list(func(in *management.KeyCreate, v []string) { in.Paths = v })
	limits := func(v ...management.LimitInput) func(*management.KeyCreate) {
		return func(in *management.KeyCreate) { in.Limits = v }
	}
	quotas := func(v ...management.QuotaInput) func(*management.KeyCreate) {
		return func(in *management.KeyCreate) { in.Quotas = v }
	}
	var nine []management.LimitInput
	for i := range 9 {
		nine = append(nine, management.LimitInput{Name: fmt.Sprint("l", i), Limit: 1, Period: "1s"})
	}
	label := func(name, value string) func(*management.KeyCreate) {
		return func(in *management.KeyCreate) { in.Labels = map[string]string{name: value} }
	}
	name := func(v string) func(*management.KeyCreate) { return func(in *management.KeyCreate) { in.Name = v } }
	for _, c := range []struct {
		title, field string
		change       func(in *management.KeyCreate)
	}{
		{"no name", "name", name("")},
		{"long name", "name", name(strings.Repeat("ä", 129))},
		{"name with line break", "name", name("a\nb")},
		{"name with control character", "name", name("a\x1b[31m")},
		{"name with invisible character", "name", name("a\u200bb")},
		{"name not UTF-8", "name", name("a\xff")},
		{"name in blanks", "name", name(" a")},
		{"unknown namespace", "namespace", func(in *management.KeyCreate) { in.Namespace = "nowhere" }},
		{"unknown plan", "plan", func(in *management.KeyCreate) { in.Plan = "nothing" }},
		{"plan of another namespace", "plan", func(in *management.KeyCreate) { in.Plan = "elsewhere" }},
		{"unknown owner", "owner", func(in *management.KeyCreate) { in.Owner = "nobody" }},
		{"owner of another namespace", "owner", func(in *management.KeyCreate) { in.Owner = "elsewhere" }},
		{"unknown key type", "key_type", func(in *management.KeyCreate) { in.KeyType = "robot" }},
		{"environment with underscore", "environment", func(in *management.KeyCreate) { in.Environment = "a_b" }},
		{"long environment", "environment", func(in *management.KeyCreate) { in.Environment = strings.Repeat("a", 17) }},
		{"scope with blank", "scopes[1]", scopes("ok", "a b")},
		{"scope with comma", "scopes[0]", scopes("a,b")},
		{"scope with quote", "scopes[0]", scopes(`a"b`)},
		{"scope beyond ASCII", "scopes[0]", scopes("ä")},
		{"empty scope", "scopes[0]", scopes("")},
		{"long scope", "scopes[0]", scopes(strings.Repeat("a", 129))},
		{"repeated scope", "scopes[1]", scopes("a", "a")},
		{"65 scopes", "scopes", scopes(many(65, func(i int) string { return fmt.Sprint("s", i) })...)},
		{"period is no duration", "limits[0].period", limits(management.LimitInput{Name: "x", Limit: 1, Period: "soon"})},
		{"period of zero", "limits[0].period", limits(management.LimitInput{Name: "x", Limit: 1, Period: "0s"})},
		{"limit of zero", "limits[0].limit", limits(management.LimitInput{Name: "x", Period: "1s"})},
		{"negative burst", "limits[0].burst", limits(management.LimitInput{Name: "x", Limit: 1, Period: "1s", Burst: -1})},
		{"limit without name", "limits[0].name", limits(management.LimitInput{Limit: 1, Period: "1s"})},
		{"two limits of one name", "limits[1].name", limits(
			management.LimitInput{Name: "x", Limit: 1, Period: "1s"}, management.LimitInput{Name: "x", Limit: 1, Period: "1m"})},
		{"nine limits", "limits", limits(nine...)},
		{"quota of a week", "quotas[0].period", quotas(management.QuotaInput{Name: "x", Limit: 1, Period: "week"})},
		{"quota of zero", "quotas[0].limit", quotas(management.QuotaInput{Name: "x", Period: "day"})},
		{"no network", "networks[0]", networks("everywhere")},
		{"empty network", "networks[0]", networks("")},
		{"host bits", "networks[0]", networks("203.0.113.7/24")},
		{"prefix too long", "networks[0]", networks("203.0.113.0/33")},
		{"zone", "networks[0]", networks("fe80::1%eth0")},
		{"mapped and too wide", "networks[0]", networks("::ffff:0:0/90")},
		{"same network twice", "networks[1]", networks("203.0.113.7", "203.0.113.7/32")},
		{"65 networks", "networks", networks(many(65, func(i int) string { return fmt.Sprintf("10.0.0.%d", i) })...)},
		{"host with scheme", "hosts[0]", hosts("https://example.com")},
		{"host with port", "hosts[0]", hosts("example.com:443")},
		{"star inside host", "hosts[0]", hosts("a.*.example.com")},
		{"host label with dash at its end", "hosts[0]", hosts("a-.example.com")},
		{"long host", "hosts[0]", hosts(strings.Repeat("a.", 127) + "aa")},
		{"same host twice", "hosts[1]", hosts("example.com", "EXAMPLE.com")},
		{"method in lower case", "methods[0]", methods("get")},
		{"method with blank", "methods[0]", methods("GET IT")},
		{"long method", "methods[0]", methods(strings.Repeat("A", 33))},
		{"path without slash", "paths[0]", paths("orders")},
		{"path with query", "paths[0]", paths("/a?b")},
		{"path with escape", "paths[0]", paths("/a%2fb")},
		{"path with parameter", "paths[0]", paths("/a;b")},
		{"path with backslash", "paths[0]", paths(`/a\b`)},
		{"path with dot segment", "paths[0]", paths("/a/../b")},
		{"path with doubled slash", "paths[0]", paths("/a//b")},
		{"star inside path", "paths[0]", paths("/a/*/b")},
		{"star behind letters", "paths[0]", paths("/a*")},
		{"long path", "paths[0]", paths("/" + strings.Repeat("a", 512))},
		{"label without name", `labels[""]`, label("", "x")},
		{"label name with blank", `labels["a b"]`, label("a b", "x")},
		{"long label value", `labels["a"]`, label("a", strings.Repeat("x", 257))},
		{"label value with line break", `labels["a"]`, label("a", "x\ny")},
		{"33 labels", "labels", func(in *management.KeyCreate) {
			in.Labels = map[string]string{}
			for i := range 33 {
				in.Labels[fmt.Sprint("l", i)] = "x"
			}
		}},
		{"expired already", "expires_at", func(in *management.KeyCreate) { in.ExpiresAt = start }},
		{"expires in year 10000", "expires_at", func(in *management.KeyCreate) { in.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"two ends", "expires_in", func(in *management.KeyCreate) { in.ExpiresAt, in.ExpiresIn = start.Add(time.Hour), "1h" }},
		{"life is no duration", "expires_in", func(in *management.KeyCreate) { in.ExpiresIn = "30 days" }},
		{"negative life", "expires_in", func(in *management.KeyCreate) { in.ExpiresIn = "-1h" }},
		{"life of no time", "expires_in", func(in *management.KeyCreate) { in.ExpiresIn = "1ms" }},
		{"ends before it begins", "not_before", func(in *management.KeyCreate) { in.ExpiresIn, in.NotBefore = "1h", start.Add(time.Hour) }},
		{"begins before 1970", "not_before", func(in *management.KeyCreate) { in.NotBefore = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"long idempotency key", "idempotency_key", func(in *management.KeyCreate) { in.Idempotency.Key = strings.Repeat("x", 129) }},
		{"idempotency key with blank", "idempotency_key", func(in *management.KeyCreate) { in.Idempotency.Key = "a b" }},
	} {
		t.Run(c.title, func(t *testing.T) {
			in := management.KeyCreate{Name: "ok", Namespace: "a"}
			c.change(&in)
			_, err := f.KeyCreate(t.Context(), global, in)
			blames(t, err, c.field)
		})
	}
	if keys := table(f.dump(), "api_keys"); len(keys) != 0 {
		t.Errorf("refused inputs left keys behind: %v", keys)
	}
}

func TestEveryProblemOfAnInputIsReportedAtOnce(t *testing.T) {
	f := newFixture(t)
	_, err := f.KeyCreate(t.Context(), global, management.KeyCreate{
		Namespace: "a", Plan: "nothing", Owner: "nobody", KeyType: "robot", Scopes: []string{"a b"}, Methods: []string{"get"},
		Limits:    []management.LimitInput{{Name: "x", Limit: 1, Period: "soon"}, {Name: "y", Limit: -1, Period: "1s"}},
		ExpiresIn: "later",
	})
	var fields []string
	for _, p := range refused(t, err, management.CodeInvalidInput).Fields {
		fields = append(fields, p.Field)
	}
	want := []string{"name", "key_type", "scopes[0]", "limits[0].period", "limits[1].limit", "methods[0]", "expires_in", "plan", "owner"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestHostBitsAreAnsweredWithTheNetworkThatWasMeant(t *testing.T) {
	f := newFixture(t)
	_, err := f.KeyCreate(t.Context(), global, management.KeyCreate{Name: "x", Networks: []string{"203.0.113.7/24"}})
	if p := blames(t, err, "networks[0]"); !strings.Contains(p.Remedy, "203.0.113.0/24") || !strings.Contains(p.Remedy, "203.0.113.7") {
		t.Errorf("remedy %q names neither the network nor the address", p.Remedy)
	}
}

func TestARepeatedCreateAnswersTheSameKeyWithoutItsText(t *testing.T) {
	f := newFixture(t)
	in := management.KeyCreate{Name: "x", Namespace: "a", ExpiresIn: "1h", Idempotency: management.Idempotency{Key: "k1", RequestHash: [32]byte{1}}}
	first, err := f.KeyCreate(t.Context(), onlyA, in)
	must(t, err)
	before := f.dump()
	f.advance(2 * time.Hour)
	again, err := f.KeyCreate(t.Context(), onlyA, in)
	must(t, err)
	if !again.Replayed || again.Key.KeyID != first.Key.KeyID || !again.Text.Empty() || again.Position != (store.Position{}) {
		t.Errorf("got replayed %v, key %s, text given %v", again.Replayed, again.Key.KeyID, !again.Text.Empty())
	}
	if after := f.dump(); after != before {
		t.Error("a repeated create changed the store:\n" + cmp.Diff(before, after, addresses()))
	}
}

func TestAnIdempotencyKeyStandsForOneRequestOfOneActor(t *testing.T) {
	f := newFixture(t)
	in := management.KeyCreate{Name: "x", Namespace: "a", Idempotency: management.Idempotency{Key: "k1", RequestHash: [32]byte{1}}}
	first, err := f.KeyCreate(t.Context(), onlyA, in)
	must(t, err)

	other := in
	other.Idempotency.RequestHash = [32]byte{2}
	_, err = f.KeyCreate(t.Context(), onlyA, other)
	refused(t, err, management.CodeIdempotencyKeyReused)
	_, err = f.PlanCreate(t.Context(), onlyA, management.PlanCreate{Namespace: "a", Name: "p", Idempotency: other.Idempotency})
	refused(t, err, management.CodeIdempotencyKeyReused)

	second, err := f.KeyCreate(t.Context(), global, in)
	must(t, err)
	if second.Replayed || second.Key.KeyID == first.Key.KeyID {
		t.Error("an actor was answered another actor's key")
	}
}

func TestEveryCreateCanBeRepeated(t *testing.T) {
	f := newFixture(t)
	once := func(key string) management.Idempotency {
		return management.Idempotency{Key: key, RequestHash: [32]byte{7}}
	}
	for name, create := range map[string]func() (replayed bool, err error){
		"plan": func() (bool, error) {
			made, err := f.PlanCreate(t.Context(), global, management.PlanCreate{Namespace: "a", Name: "p", Idempotency: once("1")})
			return made.Replayed, errorUnless(made.Plan.Name == "p", err)
		},
		"owner": func() (bool, error) {
			made, err := f.OwnerCreate(t.Context(), global, management.OwnerCreate{Namespace: "a", Name: "o", Idempotency: once("2")})
			return made.Replayed, errorUnless(made.Owner.Name == "o", err)
		},
		"namespace": func() (bool, error) {
			made, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "n", Idempotency: once("3")})
			return made.Replayed, errorUnless(made.Namespace.Name == "n", err)
		},
		"blacklist rule": func() (bool, error) {
			made, err := f.BlacklistAdd(t.Context(), global, management.BlacklistAdd{Network: "192.0.2.1", Reason: "r", Idempotency: once("4")})
			return made.Replayed, errorUnless(made.Rule.ID != "", err)
		},
	} {
		for i, want := range []bool{false, true, true} {
			replayed, err := create()
			must(t, err)
			if replayed != want {
				t.Errorf("%s, time %d: replayed %v", name, i+1, replayed)
			}
		}
	}
}

func errorUnless(ok bool, err error) error {
	if err == nil && !ok {
		return fmt.Errorf("answered another object")
	}
	return err
}

func TestAKeyIsHashedWithThePepperOfTheSecrets(t *testing.T) {
	f := newFixture(t)
	made := f.key(management.KeyCreate{})
	hash, pepperID := f.secrets.Hash(made.Text.Digest())
	if made.Key.Hash != hash || made.Key.PepperID != pepperID {
		t.Error("the stored hash is not the one the data plane looks for")
	}
	if made.Key.Hash == credential.Hash(made.Text.Digest()) && pepperID != "" {
		t.Error("the pepper was not used")
	}
}
