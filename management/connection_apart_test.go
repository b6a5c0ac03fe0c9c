package management_test

import (
	"strings"
	"testing"

	"credence/management"
	"credence/test/fakegitea"
)

// TestAnAccountIsThatOfOneNamespace: two connections would take each other's
// credentials for strangers.
func TestAnAccountIsThatOfOneNamespace(t *testing.T) {
	s := newSmithy(t)
	to := func(name, namespace string, logins ...string) error {
		in := connectionTo(s.server.URL, name, namespace)
		in.Logins = logins
		_, err := s.ConnectionCreate(t.Context(), global, in)
		return err
	}
	must(t, to("first", "a", "zoe", "ci-*"))
	if e := refused(t, to("second", "b", "ZOE"), management.CodeConflict); !strings.Contains(e.Message, `"first"`) {
		t.Error(e.Message)
	}
	must(t, to("second", "b", "ci-*", "yan")) // nothing is looked for under a pattern
	must(t, to("third", "a", "zoe"))
	must(t, func() error {
		_, err := s.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "c"})
		return err
	}())
	other := fakegitea.New(t, "1.26.0")
	in := connectionTo(other.URL, "elsewhere", "c")
	in.Logins = []string{"zoe"}
	_, err := s.ConnectionCreate(t.Context(), global, in)
	must(t, err)
}
