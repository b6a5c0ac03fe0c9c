package management_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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
	in := connectionTo(strings.Replace(s.server.URL, "http", "HTTP", 1)+"/", "spelled", "b")
	in.Logins = []string{"zoe"}
	_, err := s.ConnectionCreate(t.Context(), global, in)
	refused(t, err, management.CodeConflict)
	must(t, to("second", "b", "ci-*", "yan")) // what is made under a pattern is told apart, see below
	must(t, to("third", "a", "zoe"))
	must(t, func() error {
		_, err := s.NamespaceCreate(t.Context(), global, management.NamespaceCreate{Name: "c"})
		return err
	}())
	other := fakegitea.New(t, "1.26.0")
	in = connectionTo(other.URL, "elsewhere", "c")
	in.Logins = []string{"zoe"}
	_, err = s.ConnectionCreate(t.Context(), global, in)
	must(t, err)
}

// TestWhatIsKnownOverOneConnectionIsNoStrangerOverAnother: both make tokens for
// a user that neither names in full.
func TestWhatIsKnownOverOneConnectionIsNoStrangerOverAnother(t *testing.T) {
	s := newSmithy(t)
	s.server.AddUser(fakegitea.User{Login: "ci-bot"})
	in := connectionTo(s.server.URL+"/", "other", "b")
	in.Logins = []string{"ci-*"}
	_, err := s.ConnectionCreate(t.Context(), global, in)
	must(t, err)
	order := func(connection string) management.GiteaTokenCreate {
		o := wanted()
		o.Connection, o.Login = connection, "ci-bot"
		return o
	}
	_, err = s.GiteaTokenCreate(t.Context(), global, order("main"))
	must(t, err)
	_, err = s.GiteaTokenCreate(t.Context(), global, order("other"))
	must(t, err)
	theirs := s.server.AddToken("ci-bot", "laptop", "read:user")
	s.advance(time.Minute)
	for _, connection := range []string{"main", "other"} {
		found, err := s.GiteaTokenCompare(t.Context(), global, management.GiteaTokenCompare{Connection: connection})
		must(t, err)
		if len(found.Tokens) != 1 || found.Tokens[0].RemoteID != fmt.Sprint(theirs.ID) {
			t.Errorf("%s: %+v, want the one that nobody made here", connection, found.Tokens)
		}
	}
}
