package management_test

import (
	"strings"
	"testing"

	"credence/management"
)

func TestANamespaceLivesFromCreateToDelete(t *testing.T) {
	f := newFixture(t)
	made, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "c", Description: "third"})
	must(t, err)
	if n := made.Namespace; n.Name != "c" || n.KeyPrefix != "crd" || n.Environment != "live" || n.Version != 1 || !n.CreatedAt.Equal(start) {
		t.Errorf("got %+v", n)
	}
	changed, err := f.NamespaceUpdate(t.Context(), global, management.NamespaceUpdate{
		Name: "c", Version: 1, KeyPrefix: management.Set("acme"), Description: management.Null[string](),
	})
	must(t, err)
	read, err := f.NamespaceRead(t.Context(), global, "c")
	must(t, err)
	if read != changed.Namespace || read.KeyPrefix != "acme" || read.Description != "" || read.Version != 2 {
		t.Errorf("got %+v and %+v", read, changed.Namespace)
	}
	if entry, d := f.last("c"); entry.Action != "namespace.update" || d.Before["key_prefix"] != "crd" || d.After["key_prefix"] != "acme" {
		t.Errorf("audit entry %s with %v", entry.Action, d)
	}
	f.plan("c", "p")
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "c"})
	refused(t, err, management.CodeInUse)
	_, err = f.PlanDelete(t.Context(), global, management.PlanDelete{Namespace: "c", Name: "p"})
	must(t, err)
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "c"})
	must(t, err)
	_, err = f.NamespaceRead(t.Context(), global, "c")
	refused(t, err, management.CodeNotFound)
	if entry, _ := f.last("c"); entry.Action != "namespace.delete" {
		t.Errorf("the chain of a namespace ends with %s", entry.Action)
	}
}

// TestNobodyInheritsTheRecordOfADeletedNamespace: a token for a new namespace
// must not read what an old one of its name has done.
func TestNobodyInheritsTheRecordOfADeletedNamespace(t *testing.T) {
	f := newFixture(t)
	_, err := f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "tenant"})
	must(t, err)
	_, err = f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "tenant"})
	must(t, err)
	_, err = f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "tenant"})
	if e := refused(t, err, management.CodeConflict); !strings.Contains(e.Message, "was deleted on 2") || !strings.Contains(e.Message, "choose another name") {
		t.Errorf("got %q", e.Message)
	}
	_, err = f.NamespaceRead(t.Context(), global, "tenant")
	refused(t, err, management.CodeNotFound)
	// A name that begins alike, and one that was only asked for, are free.
	for _, name := range []string{"tenant-2", "ten"} {
		_, err = f.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: name})
		must(t, err)
	}
}

func TestTheDefaultNamespaceStays(t *testing.T) {
	f := newFixture(t)
	_, err := f.NamespaceDelete(t.Context(), global, management.NamespaceDelete{Name: "default"})
	refused(t, err, management.CodeConflict)
}

func TestNamespacesNameTheFieldThatIsWrong(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct {
		field string
		in    management.NamespaceCreate
	}{
		{"name", management.NamespaceCreate{}},
		{"name", management.NamespaceCreate{Name: "A"}},
		{"name", management.NamespaceCreate{Name: "-a"}},
		{"name", management.NamespaceCreate{Name: "a-"}},
		{"name", management.NamespaceCreate{Name: "a_b"}},
		{"name", management.NamespaceCreate{Name: strings.Repeat("a", 64)}},
		{"description", management.NamespaceCreate{Name: "x", Description: "a\nb"}},
		{"key_prefix", management.NamespaceCreate{Name: "x", KeyPrefix: "crdadm"}},
		{"key_prefix", management.NamespaceCreate{Name: "x", KeyPrefix: "A"}},
		{"environment", management.NamespaceCreate{Name: "x", Environment: "a-b"}},
		{"idempotency_key", management.NamespaceCreate{Name: "x", Idempotency: management.Idempotency{Key: "ä"}}},
	} {
		_, err := f.NamespaceCreate(t.Context(), global, c.in)
		blames(t, err, c.field)
	}
	_, err := f.NamespaceUpdate(t.Context(), global, management.NamespaceUpdate{Name: "a", Version: 1, Environment: management.Set("A")})
	blames(t, err, "environment")
}
