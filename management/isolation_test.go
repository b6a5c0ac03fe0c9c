package management_test

import (
	"context"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"credence/management"
	"credence/store"
)

// tenants is a store in which namespaces a and b hold the same things.
type tenants struct {
	*fixture

	key   map[string]string // key id by namespace
	rule  map[string]string // blacklist rule id by namespace
	admin map[string]string // admin token id by namespace
	told  map[string]string // webhook id by namespace
	sent  map[string]string // delivery id by namespace
	found map[string]string // finding id by namespace
	said  map[string]string // report id by namespace
	due   map[string]string // report schedule id by namespace
}

// settled is the image of tenants, and what they are over another database.
var settled struct {
	image
	tenants
}

func newTenants(t *testing.T) *tenants {
	t.Helper()
	if strings.HasPrefix(t.Name(), onPostgreSQL) {
		return settle(newFixture(t))
	}
	settled.once.Do(func() {
		w := settle(newFixture(t))
		settled.tenants = *w
		settled.keyset, settled.secrets, settled.content = w.keyset, w.secrets, w.closed()
	})
	w := settled.tenants
	w.fixture = settled.open(t)
	w.key, w.rule, w.admin, w.told = maps.Clone(w.key), maps.Clone(w.rule), maps.Clone(w.admin), maps.Clone(w.told)
	return &w
}

// settle fills the namespaces a and b.
func settle(f *fixture) *tenants {
	t := f.t
	t.Helper()
	w := &tenants{
		fixture: f, key: map[string]string{"none": "key_none"}, rule: map[string]string{"none": "blk_none"},
		admin: map[string]string{"none": "tok_none"}, told: map[string]string{"none": "whk_none"},
		sent: map[string]string{"none": "dlv_none"}, found: map[string]string{"none": "ano_none"},
		said: map[string]string{"none": "rpt_none"}, due: map[string]string{"none": "rsc_none"},
	}
	for _, namespace := range []string{"a", "b"} {
		f.policy(management.RoutePolicyCreate{Name: namespace, Namespaces: []string{namespace}, Hosts: []string{namespace + ".example.com"}})
		for _, name := range []string{"shared", "unused"} {
			f.plan(namespace, name)
			f.owner(namespace, name)
		}
		w.key[namespace] = f.key(management.KeyCreate{Namespace: namespace, Name: "secret of " + namespace, Plan: "shared", Owner: "shared"}).Key.KeyID
		w.rule[namespace] = f.rule(management.BlacklistAdd{Namespace: namespace, Network: "192.0.2.1"}).ID
		seen, _, err := f.AnomalySee(t.Context(), store.Anomaly{
			Type: "rate_change", Severity: store.SeverityHigh, Namespace: namespace, KeyID: w.key[namespace],
			Subject: "key:" + w.key[namespace], FirstAt: f.clock(), LastAt: f.clock(), Evidence: store.Evidence{Message: "much"},
		})
		must(t, err)
		w.found[namespace] = seen.ID
		f.noteToken(f.connect("https://git-"+namespace+".example.com", namespace, namespace), "gtk_"+namespace)
		f.noteN8NKey(namespace)
		w.told[namespace] = f.hook(namespace, "*").Webhook.ID
		sent, err := f.WebhookTry(t.Context(), global, w.told[namespace])
		must(t, err)
		w.sent[namespace] = sent.ID
		said, err := f.ReportCreate(t.Context(), global, management.ReportCreate{Namespace: namespace})
		must(t, err)
		w.said[namespace] = said.Report.ID
		due, err := f.ReportScheduleCreate(t.Context(), global, management.ReportScheduleCreate{Namespace: namespace, Every: "daily"})
		must(t, err)
		w.due[namespace] = due.Schedule.ID
		w.admin[namespace] = f.admin(management.TokenCreate{Role: "operator", Namespaces: []string{namespace}}).Token.ID
	}
	return w
}

// attempt is one use-case, tried by the actor of namespace a on what lives in
// a namespace: "a" (its own), "b" (foreign) or "none" (does not exist).
type attempt func(ctx context.Context, w *tenants, namespace string) (answer any, err error)

// attempts holds every method of Service that takes an actor. refusal is the
// code of the answer to a foreign object; "" for lists, which answer nothing.
var attempts = merged(insideAttempts, outsideAttempts, reportAttempts)

// attempted is an attempt and what it is answered.
type attempted struct {
	refusal management.Code
	try     attempt
}

func merged(parts ...map[string]attempted) map[string]attempted {
	all := map[string]attempted{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

var insideAttempts = map[string]attempted{
	"KeyCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyCreate(ctx, onlyA, management.KeyCreate{Name: "x", Namespace: ns, Plan: "shared", Owner: "shared"})
	}},
	"KeyList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyList(ctx, onlyA, management.KeyList{Namespace: ns})
	}},
	"KeyRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyRead(ctx, onlyA, w.key[ns])
	}},
	"KeyUpdate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyUpdate(ctx, onlyA, management.KeyUpdate{KeyID: w.key[ns], Version: 1, Name: management.Set("mine")})
	}},
	"KeyRevoke": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyRevoke(ctx, onlyA, management.KeyStatusChange{KeyID: w.key[ns]})
	}},
	"KeyDisable": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyDisable(ctx, onlyA, management.KeyStatusChange{KeyID: w.key[ns]})
	}},
	"KeyEnable": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyEnable(ctx, onlyA, management.KeyStatusChange{KeyID: w.key[ns]})
	}},
	"KeySuspend": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeySuspend(ctx, onlyA, management.KeyStatusChange{KeyID: w.key[ns]})
	}},
	"KeyPurge": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		if ns == "a" {
			if _, err := w.KeyRevoke(ctx, onlyA, management.KeyStatusChange{KeyID: w.key[ns]}); err != nil {
				return nil, err
			}
		}
		return w.KeyPurge(ctx, onlyA, management.KeyPurge{KeyID: w.key[ns]})
	}},
	"KeyRotate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyRotate(ctx, onlyA, management.KeyRotate{KeyID: w.key[ns]})
	}},
	"KeyRotation": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		if ns == "a" {
			if _, err := w.KeyRotate(ctx, onlyA, management.KeyRotate{KeyID: w.key[ns]}); err != nil {
				return nil, err
			}
		}
		return w.KeyRotation(ctx, onlyA, w.key[ns])
	}},
	"KeyPolicyList": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyPolicyList(ctx, onlyA, ns)
	}},
	"KeyPolicyRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyPolicyRead(ctx, onlyA, ns, "user")
	}},
	"KeyPolicySet": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyPolicySet(ctx, onlyA, management.KeyPolicySet{Namespace: ns, KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)})
	}},
	"KeyPolicyReset": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		if ns == "a" {
			_, err := w.KeyPolicySet(ctx, onlyA, management.KeyPolicySet{Namespace: ns, KeyType: "user", Version: 1, ExpiryRequired: management.Set(true)})
			if err != nil {
				return nil, err
			}
		}
		return nil, w.KeyPolicyReset(ctx, onlyA, management.KeyPolicyReset{Namespace: ns, KeyType: "user"})
	}},
	"KeyPolicyCheck": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.KeyPolicyCheck(ctx, onlyA, management.KeyPolicyCheck{Namespace: ns})
	}},
	"PlanCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.PlanCreate(ctx, onlyA, management.PlanCreate{Name: "new", Namespace: ns})
	}},
	"PlanList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.PlanList(ctx, onlyA, management.PlanList{Namespace: ns})
	}},
	"PlanRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.PlanRead(ctx, onlyA, ns, "unused")
	}},
	"PlanUpdate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.PlanUpdate(ctx, onlyA, management.PlanUpdate{Namespace: ns, Name: "unused", Version: 1, Description: management.Set("mine")})
	}},
	"PlanDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.PlanDelete(ctx, onlyA, management.PlanDelete{Namespace: ns, Name: "unused"})
	}},
	// Route policies belong to no namespace, so a limited actor may not even
	// look at them; what is done in its own is done by a global one.
	"RoutePolicyCreate": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyCreate(ctx, globalFor(ns), management.RoutePolicyCreate{Name: "new", Namespaces: []string{ns}})
	}},
	"RoutePolicyList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyList(ctx, globalFor(ns), management.RoutePolicyList{})
	}},
	"RoutePolicyRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyRead(ctx, globalFor(ns), ns)
	}},
	"RoutePolicyUpdate": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyUpdate(ctx, globalFor(ns), management.RoutePolicyUpdate{Name: ns, Version: 1, Anonymous: management.Set("allow")})
	}},
	"RoutePolicyDelete": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyDelete(ctx, globalFor(ns), management.RoutePolicyDelete{Name: ns})
	}},
	"RoutePolicyExplain": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.RoutePolicyExplain(ctx, globalFor(ns), management.RoutePolicyExplain{Host: ns + ".example.com", Path: "/"})
	}},
	"OwnerCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.OwnerCreate(ctx, onlyA, management.OwnerCreate{Name: "new", Namespace: ns})
	}},
	"OwnerList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.OwnerList(ctx, onlyA, management.OwnerList{Namespace: ns})
	}},
	"OwnerRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.OwnerRead(ctx, onlyA, ns, "unused")
	}},
	"OwnerUpdate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.OwnerUpdate(ctx, onlyA, management.OwnerUpdate{Namespace: ns, Name: "unused", Version: 1, Contact: management.Set("mine")})
	}},
	"OwnerDelete": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.OwnerDelete(ctx, onlyA, management.OwnerDelete{Namespace: ns, Name: "unused"})
	}},
	// Which namespaces there are is decided outside of any of them, so these
	// two are forbidden for the actor's own as well.
	"NamespaceCreate": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		if ns == "a" {
			return w.NamespaceCreate(ctx, global, management.NamespaceCreate{Name: "c"})
		}
		return w.NamespaceCreate(ctx, onlyA, management.NamespaceCreate{Name: ns})
	}},
	"NamespaceDelete": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		if ns == "a" {
			if _, err := w.NamespaceCreate(ctx, global, management.NamespaceCreate{Name: "c"}); err != nil {
				return nil, err
			}
			return w.NamespaceDelete(ctx, global, management.NamespaceDelete{Name: "c"})
		}
		return w.NamespaceDelete(ctx, onlyA, management.NamespaceDelete{Name: ns})
	}},
	"NamespaceList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		page, err := w.NamespaceList(ctx, onlyA, management.NamespaceList{})
		if ns != "a" && len(page.Items) == 1 && page.Items[0].Name == "a" {
			page.Items = nil // its own; it asks for no other
		}
		return page, err
	}},
	"NamespaceRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.NamespaceRead(ctx, onlyA, ns)
	}},
	"NamespaceUpdate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.NamespaceUpdate(ctx, onlyA, management.NamespaceUpdate{Name: ns, Version: 1, Description: management.Set("mine")})
	}},
	"BlacklistAdd": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.BlacklistAdd(ctx, onlyA, management.BlacklistAdd{Namespace: ns, Network: "192.0.2.2", Reason: "r"})
	}},
	"BlacklistImport": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.BlacklistImport(ctx, onlyA, management.BlacklistImport{
			Namespace: ns, Reason: "r", Rules: []management.BlacklistImportRow{{Network: "192.0.2.2"}},
		})
	}},
	"BlacklistRulesRemove": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		done, err := w.BlacklistRulesRemove(ctx, onlyA, management.BlacklistRulesRemove{Namespace: ns, Everything: true})
		return struct{ Items []store.BlacklistRule }{done.Sample}, err
	}},
	"BlacklistList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.BlacklistList(ctx, onlyA, management.BlacklistList{Namespace: ns})
	}},
	"BlacklistRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.BlacklistRead(ctx, onlyA, w.rule[ns])
	}},
	"BlacklistRemove": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.BlacklistRemove(ctx, onlyA, w.rule[ns])
	}},
	"AuditList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AuditList(ctx, onlyA, management.AuditList{Namespace: ns})
	}},
	"AnomalyList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyList(ctx, onlyA, management.AnomalyList{Namespace: ns})
	}},
	"AnomalyRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyRead(ctx, onlyA, w.finding(ns))
	}},
	"AnomalyAcknowledge": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyAcknowledge(ctx, onlyA, management.AnomalyChange{ID: w.finding(ns)})
	}},
	"AnomalyUndo": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyUndo(ctx, onlyA, management.AnomalyChange{ID: w.finding(ns)})
	}},
	"AnomalyReplay": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyReplay(ctx, globalFor(ns), management.AnomalyReplay{})
	}},
	"AnomalyPolicyRead": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyPolicyRead(ctx, globalFor(ns))
	}},
	"AnomalyPolicySet": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyPolicySet(ctx, globalFor(ns), management.AnomalyPolicySet{Version: 1})
	}},
	"AnomalyPolicyReset": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return nil, w.AnomalyPolicyReset(ctx, globalFor(ns), 1)
	}},
	"AnomalyResolve": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AnomalyResolve(ctx, onlyA, management.AnomalyChange{ID: w.finding(ns)})
	}},
	"UsageRead": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.UsageRead(ctx, onlyA, management.UsageRead{Namespace: ns})
	}},
	"UsageTop": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.UsageTop(ctx, onlyA, management.UsageRead{Namespace: ns})
	}},
	"UsageAddresses": {"", func(ctx context.Context, w *tenants, _ string) (any, error) {
		return w.UsageAddresses(ctx, onlyA, management.UsageAddresses{})
	}},
	"UsageQuotas": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.UsageQuotas(ctx, onlyA, management.UsageQuotas{Namespace: ns})
	}},
	"AuditRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AuditRead(ctx, onlyA, ns+":1")
	}},
	"KeyImport": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		row := importRow(1, "text of a key")
		row.Namespace = ns
		done, err := w.KeyImport(ctx, onlyA, management.KeyImport{Keys: []management.KeyImportRow{row}})
		if err == nil && done.Lines[0].State == management.ImportFailed {
			err = &management.Error{Code: management.CodeInvalidInput, Message: "import keys", Fields: done.Lines[0].Fields}
		}
		return done, err
	}},
	"KeysRevoke": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		plan, err := w.KeysRevoke(ctx, onlyA, management.KeysRevoke{Filter: management.KeyList{Namespace: ns}, Everything: true, Reason: "x"})
		if err != nil || len(plan.Sample) == 0 {
			return struct{ Items []store.Key }{plan.Sample}, err
		}
		done, err := w.KeysRevoke(ctx, onlyA, management.KeysRevoke{Confirm: plan.Confirm})
		return struct{ Items []int }{[]int{done.Revoked}}, err
	}},
	"TokenCreate": {management.CodeInvalidInput, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.TokenCreate(ctx, onlyA, management.TokenCreate{Name: "x", Role: "viewer", Namespaces: []string{ns}})
	}},
	"TokenList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		page, err := w.TokenList(ctx, onlyA, management.TokenList{})
		if ns != "a" && len(page.Items) == 1 && page.Items[0].ID == w.admin["a"] {
			page.Items = nil // its own; it asks for no other
		}
		return page, err
	}},
	"TokenRead": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.TokenRead(ctx, onlyA, w.admin[ns])
	}},
	"TokenRevoke": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.TokenRevoke(ctx, onlyA, management.TokenRevoke{ID: w.admin[ns]})
	}},
	"TokenRotate": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.TokenRotate(ctx, onlyA, management.TokenRotate{ID: w.admin[ns]})
	}},
	"AuditCheckpoint": {management.CodeNotFound, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AuditCheckpoint(ctx, onlyA, ns)
	}},
	"AuditCheckpointList": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AuditCheckpointList(ctx, onlyA, management.AuditCheckpointList{Namespace: ns})
	}},
	"AuditExport": {"", func(ctx context.Context, w *tenants, ns string) (any, error) {
		write, err := w.AuditExport(ctx, onlyA, management.AuditExport{Namespace: ns})
		if err != nil {
			return nil, err
		}
		var out strings.Builder
		err = write(ctx, &out)
		return struct{ Items []string }{exportedEntries(out.String())}, err
	}},
	"AuditAnchorList": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.AuditAnchorList(ctx, globalFor(ns))
	}},
	"CleanupList": {"", func(ctx context.Context, w *tenants, _ string) (any, error) {
		all, err := w.CleanupList(ctx, onlyA)
		var ran []management.Cleanup
		for _, c := range all {
			if !c.Last.At.IsZero() {
				ran = append(ran, c)
			}
		}
		return struct{ Items []management.Cleanup }{ran}, err
	}},
	"CleanupRun": {management.CodeForbidden, func(ctx context.Context, w *tenants, ns string) (any, error) {
		return w.CleanupRun(ctx, globalFor(ns), management.CleanupRun{Name: "expired-keys"})
	}},
}

func TestEveryUseCaseWithAnActorIsTriedForIsolation(t *testing.T) {
	service := reflect.TypeFor[*management.Service]()
	actor := reflect.TypeFor[management.Actor]()
	for method := range service.Methods() {
		takesActor := false
		for in := range method.Type.Ins() {
			takesActor = takesActor || in == actor
		}
		if _, tried := attempts[method.Name]; tried != takesActor {
			t.Errorf("%s: takes an actor: %v, has an attempt: %v", method.Name, takesActor, tried)
		}
	}
}

func TestAForeignNamespaceCannotBeToldFromOneThatDoesNotExist(t *testing.T) {
	for name, use := range attempts {
		t.Run(name, func(t *testing.T) {
			w := newTenants(t)
			before := w.dump()
			foreign, foreignErr := use.try(t.Context(), w, "b")
			missing, missingErr := use.try(t.Context(), w, "none")
			if after := w.dump(); after != before {
				t.Fatal("a foreign attempt changed the store:\n" + cmp.Diff(before, after, addresses()))
			}
			if use.refusal == "" {
				must(t, foreignErr)
				must(t, missingErr)
				if !reflect.ValueOf(foreign).FieldByName("Items").IsZero() || !reflect.DeepEqual(foreign, missing) {
					t.Errorf("foreign %+v, missing %+v", foreign, missing)
				}
			} else {
				a, b := refused(t, foreignErr, use.refusal), refused(t, missingErr, use.refusal)
				if w.anonymous(a.Message) != w.anonymous(b.Message) || len(a.Fields) != len(b.Fields) {
					t.Errorf("foreign: %v\nmissing: %v", foreignErr, missingErr)
				}
				for i := range a.Fields {
					if x, y := a.Fields[i], b.Fields[i]; x.Field != y.Field || w.anonymous(x.Problem) != w.anonymous(y.Problem) || x.Remedy != y.Remedy {
						t.Errorf("foreign %+v, missing %+v", x, y)
					}
				}
			}
			_, err := use.try(t.Context(), w, "a")
			must(t, err)
		})
	}
}

// exportedEntries are the lines of entries and chains of an export; nil for none.
func exportedEntries(export string) []string {
	var found []string
	for line := range strings.Lines(export) {
		if strings.HasPrefix(line, `{"entry"`) || strings.HasPrefix(line, `{"chain"`) {
			found = append(found, line)
		}
	}
	return found
}

// finding is the id of the finding about the key of a namespace.
func (w *tenants) finding(namespace string) string { return w.found[namespace] }

// anonymous takes the names that the caller gave out of a text.
func (w *tenants) anonymous(text string) string {
	for _, given := range []string{w.key["b"], w.key["none"], w.rule["b"], w.rule["none"], w.admin["b"], w.admin["none"], w.told["b"], w.told["none"], w.said["b"], w.said["none"], w.due["b"], w.due["none"], w.finding("b"), w.finding("none"), "gtk_b", "gtk_none", "n8k_b", "n8k_none", `"b"`, `"none"`, `"b:1"`, `"none:1"`} {
		text = strings.ReplaceAll(text, given, "GIVEN")
	}
	return text
}
